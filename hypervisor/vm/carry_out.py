"""Orders to a VM, carried out by vCPU 0's thread while all its other vCPUs rest, one step in each turn.

So long work (clearing or scrubbing RAM) is done on the VM's own time, and others run in between.
"""

from __future__ import annotations

from codegen.lang import fn, range, u32
from hypervisor.config.manifest import RestartPolicy
from hypervisor.console.log import log
from hypervisor.cpu.kick import send_kick
from hypervisor.cpu.panic import panic
from hypervisor.dma.withdraw import dma_withdraw
from hypervisor.memory.owner import guest_ram_owner
from hypervisor.memory.second_level import second_level_close
from hypervisor.sched.notify import notify
from hypervisor.time.clock import CLOCK
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK, VcpuState
from hypervisor.vm.console import empty_console
from hypervisor.vm.disk_owner import disks_rest
from hypervisor.vm.isolation import prove_isolation
from hypervisor.vm.lifecycle import reset_hardware, start_vm
from hypervisor.vm.machine_disks import detach_machine_disks
from hypervisor.vm.order import OrderKind, VmOrder, end_order
from hypervisor.vm.restart import policy_for
from hypervisor.vm.shootdown import shootdown
from hypervisor.vm.sweep import begin_sweep, sweep_piece
from hypervisor.vm.timers import vm_now
from hypervisor.vm.vm import DEPARTED, StopReason, Sweep, Vm, VmState

MILLISECOND = 1_000_000  # ns


@fn(cold=True)
def carry_out(vm: Vm, order: VmOrder) -> bool:
    """One step; whether it was the last one."""
    if vm.sweep == Sweep.NONE:
        if order.kind != OrderKind.PAUSE and order.kind != OrderKind.RESUME and not disks_rest(vm):
            return False
        begin(vm, order)
    if vm.sweep != Sweep.NONE:
        if not sweep_piece(vm):
            return False
        finish_sweep(vm, order)
    departed = vm.state == VmState.LEAVING
    end_order(vm, order)
    if departed:
        DEPARTED.vms.fetch_or(u32(1) << vm.id)  # the last step that a vCPU of it makes
    send_kick(u32(0))  # it says when the last VM has stopped, and takes apart what has departed
    return True


@fn(cold=True)
def begin(vm: Vm, order: VmOrder) -> None:
    """What the order does at once; the rest is a sweep."""
    match order.kind:
        case OrderKind.PAUSE:
            vm.state = VmState.PAUSED
            log(f"{vm.name_span()}: paused")
        case OrderKind.RESUME:
            vm.state = VmState.RUNNING
            for i in range(vm.vcpu_count):
                notify(vcpu_of(vm, i), SERVE_WORK)
            log(f"{vm.name_span()}: resumed")
        case OrderKind.START:
            vm.restarts.done = 0
            begin_sweep(vm, Sweep.CLEAR)
        case OrderKind.DESTROY:
            begin_release(vm)
        case OrderKind.RESET:
            vm.asked.store(0)
            empty_console(vm)
            begin_reset(vm, order.reason)
        case _:
            vm.asked.store(0)
            empty_console(vm)
            end_vm(vm, order.reason)


@fn(cold=True)
def begin_reset(vm: Vm, reason: StopReason) -> None:
    """The reset button: pressed by an operator, or by the guest, which `on_reboot` may forbid."""
    if reason != StopReason.REBOOT:
        log(f"{vm.name_span()}: reset after {vm_now(vm) // MILLISECOND} ms")
        begin_sweep(vm, Sweep.CLEAR)
        return
    log(f"{vm.name_span()}: reset by the guest after {vm_now(vm) // MILLISECOND} ms")
    end_vm(vm, reason)


@fn(cold=True)
def end_vm(vm: Vm, reason: StopReason) -> None:
    """The guest's machine has ended: what the configuration says follows."""
    vm.stop_reason = reason
    for i in range(vm.vcpu_count):
        vcpu_of(vm, i).state = VcpuState.STOPPED
    prove_isolation(vm)
    match reason:
        case StopReason.POWER_OFF:
            log(f"{vm.name_span()}: powered off after {vm_now(vm) // MILLISECOND} ms")
        case StopReason.HALTED:
            log(f"{vm.name_span()}: halted with interrupts off: nothing can wake it")
        case StopReason.KILLED:
            log(f"{vm.name_span()}: killed after {vm_now(vm) // MILLISECOND} ms")
        case _:
            pass  # the exit's handler has said it
    match policy_for(vm, reason):
        case RestartPolicy.RESTART:
            log(f"{vm.name_span()}: restarted, for the {vm.restarts.done}. time since it was started")
            begin_sweep(vm, Sweep.CLEAR)
        case RestartPolicy.DESTROY:
            begin_release(vm)
        case RestartPolicy.STOP:
            vm.state = VmState.STOPPED


@fn(cold=True)
def begin_release(vm: Vm) -> None:
    """Before its RAM may belong to others no table leads there, and no processor or IOMMU remembers one that did."""
    vm.state = VmState.LEAVING
    second_level_close(vm.second_level_root)
    shootdown(vm)
    if dma_withdraw(guest_ram_owner(vm.id)) is not None:
        panic("an IOMMU does not confirm that devices have lost a guest's RAM: nobody else may get it")
    begin_sweep(vm, Sweep.RELEASE)


@fn(cold=True)
def finish_sweep(vm: Vm, order: VmOrder) -> None:
    """All of the RAM is zero, or given back."""
    if vm.sweep == Sweep.CLEAR:
        reset_hardware(vm)
        if order.kind == OrderKind.START:
            ticks = vm.clock_base.wrapping_sub(CLOCK.start)
            log(f"{vm.name_span()}: its clock starts {ticks} TSC ticks after the loader's first instruction")
        start_vm(vm)
    else:
        vm.memory.zero()
        detach_machine_disks(vm)
        vm.disk_count = 0
    vm.sweep = Sweep.NONE
