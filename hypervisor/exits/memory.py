"""A guest touched an address without RAM: a device window, nothing at all, or a place it must not run from."""

from __future__ import annotations

from codegen.lang import Gpa, Local, fn, u32, u64
from drivers.interrupt.lapic import LAPIC_BASE
from hypervisor.console.log import log
from hypervisor.devices.lapic.state import LapicMode
from hypervisor.devices.mmio import mmio_read, mmio_write
from hypervisor.exits.arithmetic import Combined, combine, width_bits
from hypervisor.exits.decode.mmio import Combine, MmioInstruction, MmioOperation, decode_mmio
from hypervisor.exits.decode.plain_move import plain_move_of
from hypervisor.exits.decode.registers import merge_index, read_register, write_register
from hypervisor.exits.decode.snapshot import Snapshot, take_snapshot
from hypervisor.exits.misconfigured import stop_on_misconfigured
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.exits.stop import stop_with_dump
from hypervisor.memory.owner import guest_tables_owner
from hypervisor.memory.second_level import second_level_allow_fetch
from hypervisor.vcpu.contract import vcpu_rflags, vcpu_rip, vcpu_set_rflags
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.device_work import serve_devices
from hypervisor.vm.lapic_window import lapic_window_read, lapic_window_write
from hypervisor.vm.vm import StopReason

PAGE = 4096
DIRECTION_FLAG = 1 << 10


@on_exit(ExitKind.GUEST_MEMORY)
@fn(inline=True)
def emulate_memory(vcpu: Vcpu) -> Resume:
    """Carry out the access to `exit.gpa`: nearly always a plain move, which needs no full decoding."""
    cause = vcpu.exit.cause
    if cause.reserved or cause.fetch or cause.page_walk or vcpu.pending.valid:
        return access_of_the_processor(vcpu)
    move = plain_move_of(vcpu)
    if move.length == 0:
        return emulate_decoded(vcpu)
    vcpu.exit.instruction_length = u32(move.length)
    register = u32(move.register)
    if move.is_store:
        window_write(vcpu, vcpu.exit.gpa, u32(4), read_register(vcpu, register, u32(4), False))
    else:
        write_register(vcpu, register, u32(4), False, window_read(vcpu, vcpu.exit.gpa, u32(4)))
    return Resume.NEXT_INSTRUCTION


@fn(noinline=True)
def emulate_decoded(vcpu: Vcpu) -> Resume:
    """Decode the instruction and carry out what it does with its operand at `exit.gpa`."""
    code = Local(Snapshot)
    instruction = Local(MmioInstruction)
    if take_snapshot(vcpu, code) is not None:
        return Resume.SAME_INSTRUCTION  # the guest took the page away: it faults by itself when it retries
    if not decode_mmio(code, instruction):
        rip, gpa = vcpu_rip(vcpu), vcpu.exit.gpa
        log(f"{vcpu.vm.name_span()}: cannot emulate the instruction at {rip:#x} that accesses {gpa:#x}")
        return stop_with_dump(vcpu, StopReason.CRASHED)
    vcpu.exit.instruction_length = instruction.length
    match instruction.operation:
        case MmioOperation.LOAD:
            value = window_read(vcpu, vcpu.exit.gpa, instruction.width)
            write_register(vcpu, instruction.register, instruction.width, instruction.high_byte, value)
        case MmioOperation.STORE:
            window_write(vcpu, vcpu.exit.gpa, instruction.width, source_of(vcpu, instruction))
        case _:
            return emulate_rare(vcpu, instruction)
    return Resume.NEXT_INSTRUCTION


@fn(noinline=True, cold=True)
def access_of_the_processor(vcpu: Vcpu) -> Resume:
    """A fetch, a page walk or an event's delivery: only a fetch may have met memory (see `leaf_rights`). Or an entry of
    our own that the processor refuses."""
    if vcpu.exit.cause.reserved:
        return stop_on_misconfigured(vcpu)
    if vcpu.exit.cause.fetch:
        vm = vcpu.vm
        with vm.second_level_lock:
            if second_level_allow_fetch(vm.second_level_root, vcpu.exit.gpa, guest_tables_owner(vm.id)):
                return Resume.SAME_INSTRUCTION
    return stop_outside_memory(vcpu)


@fn(noinline=True, cold=True)
def stop_outside_memory(vcpu: Vcpu) -> Resume:
    """The processor itself needs RAM there, so that no instruction of the guest stands for the access."""
    if vcpu.pending.valid:
        log(f"{vcpu.vm.name_span()}: no memory at {vcpu.exit.gpa:#x} to deliver event {u32(vcpu.pending):#x}")
    elif vcpu.exit.cause.page_walk:
        log(f"{vcpu.vm.name_span()}: page tables lie outside its memory, at guest-physical {vcpu.exit.gpa:#x}")
    else:
        log(f"{vcpu.vm.name_span()}: ran off its memory: instruction fetch at guest-physical {vcpu.exit.gpa:#x}")
    return stop_with_dump(vcpu, StopReason.OUTSIDE_MEMORY)


@fn(noinline=True)
def emulate_rare(vcpu: Vcpu, instruction: MmioInstruction) -> Resume:
    """Everything but plain loads and stores."""
    gpa = vcpu.exit.gpa
    width = instruction.width
    register = instruction.register
    match instruction.operation:
        case MmioOperation.LOAD_ZERO_EXTENDED:
            value = window_read(vcpu, gpa, width) & width_bits(width)
            write_register(vcpu, register, instruction.register_width, False, value)
        case MmioOperation.LOAD_SIGN_EXTENDED:
            value = sign_extend(window_read(vcpu, gpa, width), width)
            write_register(vcpu, register, instruction.register_width, False, value)
        case MmioOperation.EXCHANGE:
            old = window_read(vcpu, gpa, width)
            window_write(vcpu, gpa, width, source_of(vcpu, instruction))
            write_register(vcpu, register, width, instruction.high_byte, old)
        case MmioOperation.STORE_STRING:
            return store_string(vcpu, instruction)
        case _:
            emulate_combine(vcpu, instruction)
    return Resume.NEXT_INSTRUCTION


@fn
def emulate_combine(vcpu: Vcpu, instruction: MmioInstruction) -> None:
    """ADD to CMP, TEST and BT with the window as one operand."""
    width = instruction.width
    combined = Local(Combined)
    memory = window_read(vcpu, vcpu.exit.gpa, width)
    source = source_of(vcpu, instruction)
    kind = instruction.combine
    if instruction.operation == MmioOperation.COMBINE_REGISTER:
        combine(kind, source, memory, width, vcpu_rflags(vcpu), combined)
        if kind != Combine.CMP:
            write_register(vcpu, instruction.register, width, instruction.high_byte, combined.value)
    else:
        combine(kind, memory, source, width, vcpu_rflags(vcpu), combined)
        if kind != Combine.CMP and kind != Combine.TEST and kind != Combine.BIT_TEST:
            window_write(vcpu, vcpu.exit.gpa, width, combined.value)
    vcpu_set_rflags(vcpu, combined.flags)


@fn
def store_string(vcpu: Vcpu, instruction: MmioInstruction) -> Resume:
    """STOS: one element per exit; with REP the guest comes back for the next."""
    regs = vcpu.regs
    size = instruction.address_size
    mask = width_bits(size)
    if instruction.repeat and regs.rcx & mask == 0:
        return Resume.NEXT_INSTRUCTION
    window_write(vcpu, vcpu.exit.gpa, instruction.width, regs.rax)
    step = u64(instruction.width)
    if vcpu_rflags(vcpu) & DIRECTION_FLAG != 0:
        step = u64(0).wrapping_sub(step)
    regs.rdi = merge_index(regs.rdi, regs.rdi.wrapping_add(step), size)
    if not instruction.repeat:
        return Resume.NEXT_INSTRUCTION
    left = (regs.rcx & mask) - 1
    regs.rcx = merge_index(regs.rcx, left, size)
    return Resume.SAME_INSTRUCTION if left != 0 else Resume.NEXT_INSTRUCTION


@fn
def source_of(vcpu: Vcpu, instruction: MmioInstruction) -> u64:
    """The register or immediate operand."""
    if instruction.immediate:
        return instruction.value
    return read_register(vcpu, instruction.register, instruction.width, instruction.high_byte)


@fn
def sign_extend(value: u64, width: u32) -> u64:
    """From 1 or 2 bytes to 64 bits."""
    sign = u64(1) << (width * 8 - 1)
    return ((value & width_bits(width)) ^ sign).wrapping_sub(sign)


@fn
def claims(vcpu: Vcpu, gpa: Gpa) -> bool:
    """Whether `gpa` lies in the page of this vCPU's local APIC; in x2APIC mode there is none."""
    return u64(gpa) & ~0xFFF == LAPIC_BASE and vcpu.lapic.mode == LapicMode.XAPIC


@fn(hot=True)
def window_read(vcpu: Vcpu, gpa: Gpa, width: u32) -> u64:
    """Read the device at `gpa`, all ones where none is; only the low `width` bytes count."""
    if claims(vcpu, gpa):
        return u64(lapic_window_read(vcpu, u32.trunc(u64(gpa)) & (PAGE - 1), width))
    return board_read(vcpu, gpa, width)


@fn(hot=True)
def window_write(vcpu: Vcpu, gpa: Gpa, width: u32, value: u64) -> None:
    """Write the device at `gpa`; lost where none is."""
    if claims(vcpu, gpa):
        lapic_window_write(vcpu, u32.trunc(u64(gpa)) & (PAGE - 1), width, u32.trunc(value))
        return
    board_write(vcpu, gpa, width, value & width_bits(width))


@fn(noinline=True)
def board_read(vcpu: Vcpu, gpa: Gpa, width: u32) -> u64:
    """A window of the board. Apart, so that a local APIC's access saves no registers for it."""
    vm = vcpu.vm
    with vm.board_lock:
        return mmio_read(vm.board, gpa, width)


@fn(noinline=True)
def board_write(vcpu: Vcpu, gpa: Gpa, width: u32, value: u64) -> None:
    """A window of the board, and what follows."""
    vm = vcpu.vm
    with vm.board_lock:
        mmio_write(vm.board, gpa, width, value)
        send_interrupts(vm, vm.board)
        if vm.board.devices_wait:
            serve_devices(vcpu, vm.board)
