"""The VMs and their virtual CPUs."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from hypervisor.ctl.answer import put
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress
from hypervisor.sched.vcpus import ENTITIES, SHARES
from hypervisor.vcpu.exit import EXIT_KINDS
from hypervisor.vcpu.pool import VCPUS, VCPUS_MAX, is_vcpu
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.settings import cap_of, cpus_of
from hypervisor.vm.vm import VMS, VMS_MAX, VmState


@verb("list")
@fn(cold=True)
def list_vms(request: Request) -> Progress:
    """Lists the VMs: `vm` (number), `name`, `state`, `stopped` (why), `memory` (bytes), `vcpus`, `weight`, `cap`
    (percent of a processor, 0 for none), `cpus` (a mask of the processors that it may use), `ran_ns`."""
    put(',"vms":[')
    first = True
    for i in range(u32(VMS_MAX)):
        vm = VMS[i]
        if vm.vcpu_count == 0 and vm.state == VmState.ABSENT and vm.name.length == 0:
            continue
        if not first:
            put(",")
        first = False
        put(f'{{"vm":{i},"name":"{vm.name_span()}","state":"{vm.state}","stopped":"{vm.stop_reason}"')
        put(f',"memory":{vm.memory_size},"vcpus":{vm.vcpu_count},"weight":{SHARES[i].weight}')
        put(f',"cap":{cap_of(vm)},"cpus":{cpus_of(vm)},"ran_ns":')
        ran = u64(0)
        for k in range(vm.vcpu_count):
            ran = ran.wrapping_add(ENTITIES[vm.vcpu_first + k].ran)
        put(f"{ran}}}")
    put("]")
    return Progress.DONE


@verb("vcpus")
@fn(cold=True)
def list_vcpus(request: Request) -> Progress:
    """Lists all virtual CPUs: `vcpu` (number in the pool), `vm`, `index` in it, `state`, `ran_ns`, `exits`, and the
    `cpu` that it ran on last."""
    put(',"vcpus":[')
    first = True
    for i in range(u32(VCPUS_MAX)):
        if is_vcpu(i):
            vcpu = VCPUS[i]
            if not first:
                put(",")
            first = False
            put(f'{{"vcpu":{i},"vm":{vcpu.vm.id},"index":{vcpu.index},"state":"{vcpu.state}"')
            put(f',"ran_ns":{ENTITIES[i].ran},"exits":{exits_of(vcpu)},"cpu":{ENTITIES[i].cpu}}}')
    put("]")
    return Progress.DONE


@fn(cold=True)
def exits_of(vcpu: Vcpu) -> u64:
    sum = u64(0)
    for kind in range(u32(EXIT_KINDS)):
        sum = sum.wrapping_add(vcpu.exits[kind])
    return sum
