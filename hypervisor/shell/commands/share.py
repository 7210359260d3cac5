"""A VM's part of the processors, changed while it runs."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.sched.entity import CAP_WINDOW, WEIGHT_MAX, share_change
from hypervisor.sched.queues import is_realtime
from hypervisor.sched.vcpus import ENTITIES, SHARES
from hypervisor.shell.call import Call, Progress
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.vm import VMS


@fn(cold=True)
def cap_of(vm: u32) -> u32:
    """Percent of one processor, 0 for none."""
    return u32(SHARES[vm].quota // (CAP_WINDOW // 100))


@fn(cold=True)
def has_share(vm: u32) -> bool:
    """False, with words, for a VM whose time does not go by weight and cap."""
    if VMS[vm].vcpu_count == 0:
        say(f"{VMS[vm].name_span()}: could not be made, `log` says why: it has no virtual CPU")
        return False
    if is_realtime(ENTITIES[VMS[vm].vcpu_first]):
        say(f"{VMS[vm].name_span()}: a real-time VM has its budget, which only its configuration changes")
        return False
    return True


@command("weight VM N")
@fn(cold=True)
def set_weight(call: Call) -> Progress:
    """Sets the VM's part of the processors' time, in relation to the other VMs' weights."""
    if call.number == 0 or call.number > WEIGHT_MAX:
        say(f"{call.number}: a weight is a number from 1 to {u32(WEIGHT_MAX)}")
    elif has_share(call.vm):
        share_change(SHARES[call.vm], u32(call.number), cap_of(call.vm))
        say(f"{VMS[call.vm].name_span()}: weight {call.number}")
    return Progress.DONE


@command("cap VM N")
@fn(cold=True)
def set_cap(call: Call) -> Progress:
    """Sets the most that the VM gets, in percent of one processor; 0 takes the cap away."""
    vm = VMS[call.vm]
    if not has_share(call.vm):
        return Progress.DONE
    if call.number > u64(100 * vm.vcpu_count):
        say(f"{call.number}: {vm.name_span()} can use at most {100 * vm.vcpu_count} percent; 0 takes the cap away")
        return Progress.DONE
    share_change(SHARES[call.vm], SHARES[call.vm].weight, u32(call.number))
    if call.number == 0:
        say(f"{vm.name_span()}: no cap")
    else:
        say(f"{vm.name_span()}: at most {call.number}% of a processor")
    return Progress.DONE
