"""The beginning of a guest's life: its hardware as after power-up, its kernel in memory."""

from __future__ import annotations

from codegen.lang import fn, range, rdtsc, u32, u64
from hypervisor.console.log import log
from hypervisor.devices.board import board_reset
from hypervisor.devices.lapic.reset import lapic_enter_virtual_wire, lapic_reset
from hypervisor.devices.rtc_memory import cmos_describe_memory
from hypervisor.sched.notify import notify
from hypervisor.time.clock import SECOND
from hypervisor.time.wall import wall_at
from hypervisor.vcpu.contract import vcpu_flush_tlb, vcpu_reset_registers, vcpu_set_tsc_offset
from hypervisor.vcpu.hold import hold, release, reset_extended_state
from hypervisor.vcpu.msr_state import reset_msrs
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK, Vcpu, VcpuState
from hypervisor.vm.boot.error import words_for
from hypervisor.vm.boot.memory_map import low_ram_end
from hypervisor.vm.boot.start import place_guest
from hypervisor.vm.console import empty_console
from hypervisor.vm.hopeless import all_bits
from hypervisor.vm.order import OrderKind, order_of
from hypervisor.vm.vm import VMS, VMS_MAX, StopReason, Vm, VmState


@fn
def vms_alive() -> u32:
    """How many VMs run, are paused, or are about to start."""
    alive = u32(0)
    for i in range(u32(VMS_MAX)):
        vm = VMS[i]
        runs = vm.state == VmState.RUNNING or vm.state == VmState.PAUSED
        if runs or vm.start_at != 0 or order_of(vm).kind != OrderKind.NONE:
            alive = alive + 1
    return alive


@fn(cold=True)
def start_vm(vm: Vm) -> None:
    """Load the kernel into cleared memory and let vCPU 0 run; `reset_hardware` has been called."""
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
