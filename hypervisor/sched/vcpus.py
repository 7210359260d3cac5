"""The virtual CPUs of the pool as entities of the scheduler: number n of one is number n of the other."""

from __future__ import annotations

from codegen.lang import fn, range, storage_array, u32, u64
from hypervisor.config.manifest import ManifestVm
from hypervisor.sched.entity import Entity, Share, entity_start, share_start
from hypervisor.sched.queues import PROCESSORS, all_processors, processor_bit
from hypervisor.sched.realtime import make_realtime
from hypervisor.sched.scheduler import decide
from hypervisor.time.clock import clock_now
from hypervisor.vcpu.pool import VCPUS, VCPUS_MAX
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.manifest import manifest_vm, manifest_vm_count
from hypervisor.vm.vm import VMS_MAX, Vm

ENTITIES = storage_array(Entity, VCPUS_MAX)
SHARES = storage_array(Share, VMS_MAX)


@fn(cold=True)
def schedule_vm(vm: Vm, entry: ManifestVm) -> BootError | None:
    """Entities for all vCPUs of the VM, blocked, with what the manifest gives them of the machine."""
    allowed = entry.cpus if entry.cpus != 0 else all_processors()
    if allowed & ~all_processors() != 0:
        return BootError.NO_SUCH_CPU
    allowed = allowed & ~kept_by_others(vm.manifest_index)
    if allowed == 0:
        return BootError.NO_CPU_LEFT
    share_start(SHARES[vm.id], entry.weight, entry.cap)
    for i in range(vm.vcpu_count):
        number = vm.vcpu_first + i
        entity_start(ENTITIES[number], SHARES[vm.id], number, allowed)
        if entry.budget != 0 and not admit(ENTITIES[number], allowed, entry):
            return BootError.NO_REAL_TIME
    return None


@fn(cold=True)
def kept_by_others(index: u32) -> u64:
    """The processors that VMs other than number `index` of the manifest have for themselves."""
    kept = u64(0)
    for i in range(manifest_vm_count()):
        other = manifest_vm(i)
        if i != index and other is not None and other.flags.exclusive:
            kept = kept | other.cpus
    return kept


@fn(cold=True)
def admit(entity: Entity, allowed: u64, entry: ManifestVm) -> bool:
    """Into the real-time class of the first of these processors that has room for it."""
    for cpu in range(PROCESSORS.count):
        if allowed & processor_bit(cpu) != 0 and make_realtime(entity, cpu, entry.budget, entry.period):
            return True
    return False


@fn
def number_of(vcpu: Vcpu) -> u32:
    """Its place in the pool."""
    return vcpu.vm.vcpu_first + vcpu.index


@fn
def entity_of(vcpu: Vcpu) -> Entity:
    """What the scheduler knows of it."""
    return ENTITIES[number_of(vcpu)]


@fn
def decide_vcpu(cpu: u32) -> Vcpu | None:
    """Whose turn it is on this processor."""
    entity = decide(cpu, clock_now())
    if entity is None:
        return None
    return VCPUS[entity.tag]
