"""What becomes of a VM that has ended: as the configuration says, but no more restarts than it allows in a time."""

from __future__ import annotations

from codegen.lang import fn, max, min, u8, u32, u64
from hypervisor.config.manifest import RESTARTS_MAX, ManifestVm, RestartPolicy
from hypervisor.console.log import log
from hypervisor.time.clock import clock_now
from hypervisor.vm.manifest import manifest_vm
from hypervisor.vm.vm import Restarts, StopReason, Vm

MILLISECOND = 1_000_000  # ns


@fn(cold=True)
def policy_for(vm: Vm, reason: StopReason) -> RestartPolicy:
    """What follows now. A restart is counted; one too many is none, and the log says so."""
    entry = manifest_vm(vm.manifest_index)
    if entry is None:
        return RestartPolicy.STOP
    policy = configured(entry, reason)
    if policy == u8(RestartPolicy.DESTROY):
        return RestartPolicy.DESTROY
    if policy != u8(RestartPolicy.RESTART):
        return RestartPolicy.STOP
    limit = min(max(entry.restart_limit, u32(1)), u32(RESTARTS_MAX))
    if not count_restart(vm.restarts, limit, u64(entry.restart_window) * MILLISECOND, clock_now()):
        log(f"{vm.name_span()}: stays stopped: {limit} restarts within {entry.restart_window} ms are its limit")
        return RestartPolicy.STOP
    return RestartPolicy.RESTART


@fn(cold=True)
def configured(entry: ManifestVm, reason: StopReason) -> u8:
    """A RestartPolicy."""
    match reason:
        case StopReason.KILLED:
            return u8(RestartPolicy.STOP)
        case StopReason.REBOOT:
            return entry.on_reboot
        case StopReason.POWER_OFF | StopReason.HALTED:
            return entry.on_poweroff
        case _:
            return entry.on_crash


@fn(cold=True)
def count_restart(restarts: Restarts, limit: u32, window: u64, now: u64) -> bool:
    """One more, at `now`, unless that makes more than `limit` (1 to RESTARTS_MAX) within `window` ns."""
    oldest = restarts.done % u64(limit)
    if restarts.done >= u64(limit) and now - restarts.moments[oldest] < window:
        return False
    restarts.moments[oldest] = now
    restarts.done = restarts.done + 1
    return True
