"""A VM's part of the processors, changed while it runs, by name: the shell's commands and ctl's verbs are made from
this list. What is set lasts until the VM is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.lang import fn, pause, range, u32, u64
from hypervisor.sched.entity import CAP_WINDOW, WEIGHT_MAX, share_change
from hypervisor.sched.notify import serve_kicks
from hypervisor.sched.queues import all_processors, is_realtime
from hypervisor.sched.scheduler import allow
from hypervisor.sched.vcpus import ENTITIES, SHARES, kept_by_others
from hypervisor.time.clock import clock_now
from hypervisor.vm.manifest import manifest_vm
from hypervisor.vm.setting_refusal import SettingRefusal
from hypervisor.vm.vm import Vm


@fn(cold=True)
def cap_of(vm: Vm) -> u32:
    """Percent of one processor, 0 for none."""
    return u32(SHARES[vm.id].quota // (CAP_WINDOW // 100))


@fn(cold=True)
def cpus_of(vm: Vm) -> u64:
    """The processors that its vCPUs may use, as a mask."""
    mask = u64(0)
    for i in range(vm.vcpu_count):
        mask = mask | ENTITIES[vm.vcpu_first + i].allowed
    return mask


@fn(cold=True)
def refuse_to_set(vm: Vm) -> SettingRefusal | None:
    """Of a VM whose time does not go by weight and cap."""
    if vm.vcpu_count == 0:
        return SettingRefusal.NO_VCPU
    return SettingRefusal.REAL_TIME if is_realtime(ENTITIES[vm.vcpu_first]) else None


@fn(cold=True)
def set_weight(vm: Vm, weight: u64) -> SettingRefusal | None:
    """1 to WEIGHT_MAX, in relation to other VMs'."""
    if weight == 0 or weight > WEIGHT_MAX:
        return SettingRefusal.BAD_WEIGHT
    error = refuse_to_set(vm)
    if error is None:
        share_change(SHARES[vm.id], u32(weight), cap_of(vm))
    return error


@fn(cold=True)
def set_cap(vm: Vm, percent: u64) -> SettingRefusal | None:
    """Of one processor, 0 for none."""
    error = refuse_to_set(vm)
    if error is None and percent > u64(100 * vm.vcpu_count):
        return SettingRefusal.BAD_CAP
    if error is None:
        share_change(SHARES[vm.id], SHARES[vm.id].weight, u32(percent))
    return error


@fn(cold=True)
def pin(vm: Vm, cpus: u64) -> SettingRefusal | None:
    """Its vCPUs run on these processors of a mask from now on, and on no other."""
    error = refuse_to_set(vm)
    if error is not None:
        return error
    if cpus == 0 or cpus & ~all_processors() != 0:
        return SettingRefusal.NO_SUCH_CPU
    if cpus & kept_by_others(vm.manifest_index) != 0:
        return SettingRefusal.CPU_TAKEN
    entry = manifest_vm(vm.manifest_index)
    if entry is not None and entry.flags.exclusive:
        return SettingRefusal.OWN_CPUS
    for i in range(vm.vcpu_count):
        while not allow(ENTITIES[vm.vcpu_first + i], cpus, clock_now()):
            pause()  # another processor puts it into its queue just now
        serve_kicks()
    return None


@dataclass(frozen=True)
class Setting:
    """`change` is an `@fn`; `argument` is what the shell takes, `key` the member of a request, always a number."""

    name: str
    argument: str
    key: str
    summary: str
    change: Callable[[Vm, u64], SettingRefusal | None]


SETTINGS = (
    Setting(
        "weight",
        "N",
        "weight",
        "Sets the VM's part of the processors' time, in relation to the other VMs' weights.",
        set_weight,
    ),
    Setting(
        "cap",
        "N",
        "percent",
        "Sets the most that the VM gets, in percent of one processor; 0 takes the cap away.",
        set_cap,
    ),
    Setting(
        "pin",
        "CPUS",
        "cpus",
        "Lets the VM's virtual CPUs run on these processors only.",
        pin,
    ),
)
