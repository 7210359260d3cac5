"""The last part of a VM's end, by the first processor: nobody else's thread can take a vCPU apart that it runs on."""

from __future__ import annotations

from codegen.lang import fn, pause, range, u32
from hypervisor.console.log import log
from hypervisor.cpu.kick import send_kicks
from hypervisor.cpu.per_cpu import CPU, CPUS
from hypervisor.memory.frames import free_bytes, release_frames
from hypervisor.memory.owner import guest_control_owner, guest_tables_owner
from hypervisor.memory.rejoin import rejoin_runs
from hypervisor.net.port_life import ports_close
from hypervisor.sched.entity import EntityState
from hypervisor.sched.notify import serve_kicks
from hypervisor.sched.queues import PROCESSORS, all_processors, is_realtime, processor_bit
from hypervisor.sched.realtime import dismiss_realtime
from hypervisor.sched.scheduler import retire
from hypervisor.sched.vcpus import entity_of
from hypervisor.time.clock import clock_now
from hypervisor.vcpu.hold import hold, release, release_if_asked
from hypervisor.vcpu.pool import give_back_vcpus, vcpu_of
from hypervisor.vcpu.vcpu import NOBODY, Vcpu
from hypervisor.vm.vm import DEPARTED, VMS, VMS_MAX, Vm, VmState


@fn(cold=True)
def take_apart_departed() -> None:
    """All VMs whose own threads have done their part."""
    departed = DEPARTED.vms.exchange(u32(0))
    for i in range(u32(VMS_MAX)):
        if departed >> i & 1 != 0:
            take_apart(VMS[i])
            log(f"{VMS[i].name_span()}: destroyed; {free_bytes() >> 20} MiB are free")


@fn(cold=True)
def take_apart(vm: Vm) -> None:
    """Everything but RAM goes back: ports of networks, vCPUs, their part of the scheduler, their frames, the
    second-level tables. Who has put something into a port before it was closed also tells a vCPU, within the same
    exit: `lay_to_rest` waits for that."""
    ports_close(vm.id)
    while not lay_to_rest(vm):
        pause()
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        hold(vcpu)
        release(vcpu)
        if is_realtime(entity_of(vcpu)):
            dismiss_realtime(entity_of(vcpu))
    release_frames(guest_control_owner(vm.id))
    release_frames(guest_tables_owner(vm.id))
    rejoin_runs()
    if vm.vcpu_count != 0:
        give_back_vcpus(vm.vcpu_first, vm.vcpu_count)
    vm.vcpu_count = 0
    vm.second_level_frames = 0
    vm.state = VmState.ABSENT


@fn(cold=True)
def lay_to_rest(vm: Vm) -> bool:
    """Whether no vCPU of it runs, waits or will ever be woken. A processor may hold an old deadline of one, and be
    about to wake it: so the sleepers are struck off, and everybody passes a point between two acts, before the look
    that counts."""
    for i in range(vm.vcpu_count):
        while not rest_now(vcpu_of(vm, i)):
            pause_politely()
    for i in range(vm.vcpu_count):
        vcpu_of(vm, i).asleep.store(0)
    wait_for_all()
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        if vcpu.asleep.load() != 0 or entity_of(vcpu).state != EntityState.BLOCKED:
            return False
    return True


@fn(cold=True)
def rest_now(vcpu: Vcpu) -> bool:
    """Out of the scheduler's queues, and in no turn."""
    retired = retire(entity_of(vcpu), CPU.current.index, clock_now())
    serve_kicks()
    return retired and vcpu.running_on.load() == NOBODY


@fn(cold=True)
def wait_for_all() -> None:
    """Until every other processor has taken an interrupt, which it does in a guest, asleep or between two turns."""
    others = all_processors() & ~processor_bit(CPU.current.index)
    for cpu in range(PROCESSORS.count):
        if others & processor_bit(cpu) != 0:
            before = CPUS[cpu].kicks.load()
            send_kicks(processor_bit(cpu))
            while CPUS[cpu].kicks.load() == before:
                pause_politely()


@fn(cold=True)
def pause_politely() -> None:
    """Who is waited for may wait for what is held here."""
    release_if_asked()
    pause()
