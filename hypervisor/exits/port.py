"""IN, OUT and their string forms: to the board's port table."""

from __future__ import annotations

from codegen.lang import Gpa, fn, u8, u32, u64
from hypervisor.devices.ports import (
    claim_of,
    claim_read_byte,
    claim_wants_clock,
    claim_write_byte,
    port_read,
    port_write,
)
from hypervisor.exits.arithmetic import width_bits
from hypervisor.exits.decode.registers import merge_index, write_register
from hypervisor.exits.inject import inject_exception_with_error, inject_general_protection
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import read_u8, write_u8
from hypervisor.vcpu.contract import vcpu_cpl, vcpu_rflags, vcpu_set_cr
from hypervisor.vcpu.event import Vector
from hypervisor.vcpu.exit import ExitKind, PortAccess
from hypervisor.vcpu.linear import Access, mark_used, translate_linear
from hypervisor.vcpu.segments import linear_address
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.board_events import after_board_access
from hypervisor.vm.timers import board_now

DIRECTION_FLAG = 1 << 10
STRING_BURST = 64  # repetitions per exit: then the guest may be interrupted, as on hardware
ES = 0
PRESENT, WRITE, USER = 1 << 0, 1 << 1, 1 << 2  # of a page fault's error code


@on_exit(ExitKind.PORT)
@fn(inline=True)
def emulate_port(vcpu: Vcpu) -> Resume:
    """One access of a byte (SDM vol. 1, 19.1), which is what nearly all chips of a PC take."""
    access = vcpu.exit.port
    if access.is_string or access.width != 1:
        return emulate_wide(vcpu, access)
    regs = vcpu.regs
    vm = vcpu.vm
    claim = claim_of(u32(access.port))
    with vm.board_lock:
        now = board_now(vm) if claim_wants_clock(claim) else u64(0)
        if access.is_in:
            value = claim_read_byte(claim, vm.board, access.port, now)
            regs.rax = regs.rax & ~0xFF | u64(value) & 0xFF
        else:
            claim_write_byte(claim, vm.board, access.port, u32.trunc(regs.rax & 0xFF), now)
        return after_board_access(vcpu, vm.board)


@fn(noinline=True)
def emulate_wide(vcpu: Vcpu, access: PortAccess) -> Resume:
    """2 or 4 bytes, and strings. An IN of 4 bytes clears the upper half of RAX."""
    if access.is_string:
        return emulate_string(vcpu, access)
    regs = vcpu.regs
    vm = vcpu.vm
    width = u32(access.width)
    with vm.board_lock:
        if access.is_in:
            value = port_read(vm.board, access.port, width, board_now(vm))
            write_register(vcpu, u32(0), width, False, u64(value))
        else:
            port_write(vm.board, access.port, width, u32.trunc(regs.rax & width_bits(width)), board_now(vm))
        return after_board_access(vcpu, vm.board)


@fn(noinline=True)
def emulate_string(vcpu: Vcpu, access: PortAccess) -> Resume:
    """INS and OUTS: element by element; a fault leaves the registers as after the last whole element (SDM vol. 2A,
    INS)."""
    regs = vcpu.regs
    size = u32(access.address_size)
    mask = width_bits(size)
    width = u32(access.width)
    backwards = vcpu_rflags(vcpu) & DIRECTION_FLAG != 0
    left = regs.rcx & mask if access.is_repeat else u64(1)
    done = u32(0)
    while left != 0 and done < STRING_BURST:
        if access.is_in:
            fault = transfer(vcpu, linear_address(vcpu, u32(ES), regs.rdi & mask), access)
        else:
            fault = transfer(vcpu, linear_address(vcpu, u32(access.segment), regs.rsi & mask), access)
        if fault is not None:
            return Resume.SAME_INSTRUCTION
        step = u64(width) if not backwards else u64(0).wrapping_sub(u64(width))
        if access.is_in:
            regs.rdi = merge_index(regs.rdi, regs.rdi.wrapping_add(step), size)
        else:
            regs.rsi = merge_index(regs.rsi, regs.rsi.wrapping_add(step), size)
        left = left - 1
        done = done + 1
        if access.is_repeat:
            regs.rcx = merge_index(regs.rcx, left, size)
    with vcpu.vm.board_lock:
        resume = after_board_access(vcpu, vcpu.vm.board)
    if left != 0 and resume == Resume.NEXT_INSTRUCTION:
        return Resume.SAME_INSTRUCTION
    return resume


@fn
def transfer(vcpu: Vcpu, linear: u64, access: PortAccess) -> Fault | None:
    """Move one element between the port and guest memory; an exception is queued when the address is not accessible.
    The whole element is checked before the device sees anything."""
    vm = vcpu.vm
    width = u32(access.width)
    wanted = Access(write=access.is_in, user=vcpu_cpl(vcpu) == 3)
    value = u32(0)
    i = u32(0)
    while i < width:
        gpa = translate_linear(vcpu, linear.wrapping_add(u64(i)), wanted)
        if isinstance(gpa, Fault):
            queue_fault(vcpu, gpa, linear.wrapping_add(u64(i)), wanted)
            return gpa
        if not access.is_in:
            byte = read_u8(vm.memory, gpa)
            value = value | (u32(0xFF) if isinstance(byte, Fault) else u32(byte)) << (i * 8)
        i = i + 1
    mark_used(vcpu, linear, access.is_in)
    mark_used(vcpu, linear.wrapping_add(u64(width) - 1), access.is_in)
    if not access.is_in:
        with vm.board_lock:
            port_write(vm.board, access.port, width, value, board_now(vm))
        return None
    with vm.board_lock:
        value = port_read(vm.board, access.port, width, board_now(vm))
    i = u32(0)
    while i < width:
        gpa = translate_linear(vcpu, linear.wrapping_add(u64(i)), wanted)
        if isinstance(gpa, Fault):
            return gpa
        store_byte(vcpu, gpa, value >> (i * 8))
        i = i + 1
    return None


@fn
def store_byte(vcpu: Vcpu, gpa: Gpa, value: u32) -> None:
    """A byte of INS into RAM; outside RAM it is lost, as on a bus that nobody answers."""
    ignored = write_u8(vcpu.vm.memory, gpa, u8.trunc(value))
    if ignored is not None:
        return


@fn
def queue_fault(vcpu: Vcpu, fault: Fault, linear: u64, access: Access) -> None:
    """#PF or #GP for an operand that the guest cannot reach."""
    if fault != Fault.PAGE_FAULT:
        assert inject_general_protection(vcpu) == Resume.SAME_INSTRUCTION
        return
    vcpu_set_cr(vcpu, u32(2), linear)
    present = u32(0) if isinstance(translate_linear(vcpu, linear, Access(any_right=True)), Fault) else u32(PRESENT)
    rights = (u32(WRITE) if access.write else u32(0)) | (u32(USER) if access.user else u32(0))
    assert inject_exception_with_error(vcpu, Vector.PF, present | rights) == Resume.SAME_INSTRUCTION
