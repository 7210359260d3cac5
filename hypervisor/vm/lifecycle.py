"""The life of VMs: made from the manifest at start-up, reset and stopped when they ask for it or crash."""

from __future__ import annotations

from codegen.lang import fn, range, rdtsc, u8, u32, u64
from hypervisor.console.log import log
from hypervisor.cpu.kick import send_kick
from hypervisor.devices.board import board_reset
from hypervisor.devices.lapic.reset import lapic_enter_virtual_wire, lapic_reset
from hypervisor.devices.rtc_memory import cmos_describe_memory
from hypervisor.memory.guest import fill
from hypervisor.sched.notify import notify
from hypervisor.time.clock import SECOND
from hypervisor.time.wall import wall_at
from hypervisor.vcpu.contract import vcpu_flush_tlb, vcpu_reset_registers, vcpu_set_tsc_offset
from hypervisor.vcpu.hold import hold, release, reset_extended_state
from hypervisor.vcpu.msr_state import reset_msrs
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu, VcpuState
from hypervisor.vm.boot.error import words_for
from hypervisor.vm.boot.memory_map import low_ram_end
from hypervisor.vm.boot.start import place_guest
from hypervisor.vm.console import empty_console
from hypervisor.vm.hopeless import all_bits
from hypervisor.vm.isolation import prove_isolation
from hypervisor.vm.order import SERVE_WORK, OrderKind, VmOrder, end_order
from hypervisor.vm.timers import vm_now
from hypervisor.vm.vm import VMS, VMS_MAX, StopReason, Vm, VmState

MILLISECOND = 1_000_000  # ns


@fn
def vms_alive() -> u32:
    """How many VMs are running."""
    alive = u32(0)
    for i in range(u32(VMS_MAX)):
        if VMS[i].state == VmState.RUNNING:
            alive = alive + 1
    return alive


@fn(cold=True)
def start_vm(vm: Vm) -> None:
    """Load the kernel into zeroed memory and let vCPU 0 run; `reset_hardware` has been called."""
    error = place_guest(vm)
    if error is not None:
        log(f"{vm.name_span()}: cannot start: {words_for(error)}")
        vm.state = VmState.STOPPED
        vm.stop_reason = StopReason.CRASHED
        return
    vm.state = VmState.RUNNING
    vm.hopeless.store(all_bits(vm) & ~u64(1))
    notify(vcpu_of(vm, u32(0)), SERVE_WORK)
    log(f"{vm.name_span()}: started, {vm.memory_size >> 20} MiB, {vm.vcpu_count} vCPU")


@fn(cold=True)
def restart_vm(vm: Vm) -> None:
    """What the reset button does: RAM is cleared, then everything else starts over, the VM's clock with it."""
    for i in range(vm.memory.slot_count):
        slot = vm.memory.slots[i]
        failed = fill(vm.memory, slot.gpa, slot.size, u8(0))
        assert failed is None
    reset_hardware(vm)
    start_vm(vm)


@fn(cold=True)
def reset_hardware(vm: Vm) -> None:
    """Board and vCPUs as after power-up. Timers stop before anything else."""
    vm.stop_reason = StopReason.NONE
    empty_console(vm)
    vm.clock_base = rdtsc()
    low = low_ram_end(vm.memory_size)
    with vm.board_lock:
        vm.board_moment = 0
        board_reset(vm.board, wall_at(vm.clock_base) // SECOND)
        cmos_describe_memory(vm.board.rtc.cmos, low, vm.memory_size - low)
    for i in range(vm.vcpu_count):
        reset_vcpu(vcpu_of(vm, i))


@fn(cold=True)
def reset_vcpu(vcpu: Vcpu) -> None:
    """One processor: vCPU 0 runs, the others wait for a start-up IPI."""
    hold(vcpu)
    lapic_reset(vcpu.lapic, vcpu.index, vcpu.index == 0)
    if vcpu.index == 0:
        lapic_enter_virtual_wire(vcpu.lapic)
    vcpu.regs.zero()
    reset_msrs(vcpu.msrs)
    reset_extended_state(vcpu)
    vcpu.work.store(0)
    vcpu_reset_registers(vcpu)
    vcpu.tsc_offset = u64(0).wrapping_sub(vcpu.vm.clock_base)
    vcpu_set_tsc_offset(vcpu, vcpu.tsc_offset)
    vcpu_flush_tlb(vcpu)
    vcpu.state = VcpuState.RUNNABLE if vcpu.index == 0 else VcpuState.WAIT_FOR_STARTUP
    release(vcpu)


@fn(cold=True)
def carry_out(vm: Vm, order: VmOrder) -> None:
    """On vCPU 0's thread, while all others rest."""
    empty_console(vm)
    if order.kind == OrderKind.RESET:
        log(f"{vm.name_span()}: reset by the guest after {vm_now(vm) // MILLISECOND} ms")
        restart_vm(vm)
    else:
        stop_vm(vm, order.reason)
    end_order(vm, order)


@fn(cold=True)
def stop_vm(vm: Vm, reason: StopReason) -> None:
    """No vCPU of it runs again until it is started anew."""
    vm.stop_reason = reason
    vm.state = VmState.STOPPED
    for i in range(vm.vcpu_count):
        vcpu_of(vm, i).state = VcpuState.STOPPED
    prove_isolation(vm)
    if reason == StopReason.POWER_OFF:
        log(f"{vm.name_span()}: powered off after {vm_now(vm) // MILLISECOND} ms")
    elif reason == StopReason.HALTED:
        log(f"{vm.name_span()}: halted with interrupts off: nothing can wake it")
    send_kick(u32(0))  # it says when the last one has stopped
