"""Who uses the processors."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, storage, u32, u64
from hypervisor.progress import Progress
from hypervisor.sched.usage import time_used
from hypervisor.sched.vcpus import ENTITIES
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.time.clock import clock_now
from hypervisor.vcpu.pool import VCPUS, VCPUS_MAX, is_vcpu

MILLISECOND = 1_000_000


class Usage(Struct):
    """By a vCPU's number in the pool, ns."""

    before: Array[u64] = count(VCPUS_MAX)  # had at the last `top`
    used: Array[u64] = count(VCPUS_MAX)  # since the one before; 0 when it has been said
    moment: Field[u64]  # the monitor's clock at the last `top`
    elapsed: Field[u64]  # since the one before


USAGE = storage(Usage)


@command("top")
@fn(cold=True)
def show_top(call: Call) -> Progress:
    """Shows the virtual CPUs by the time that they ran since the last `top`, the busiest first."""
    if call.step == 0:
        measure(clock_now())
    number = busiest()
    if number is None:
        if call.step == 0:
            say("no virtual CPU has run")
        return Progress.DONE
    vcpu = VCPUS[number]
    used = USAGE.used[number]
    permille = used // (USAGE.elapsed // 1000 + 1)
    say(
        f"{permille // 10:4}.{permille % 10}% of a processor: {vcpu.vm.name_span()} vCPU {vcpu.index}, "
        f"{used // MILLISECOND} of {USAGE.elapsed // MILLISECOND} ms"
    )
    USAGE.used[number] = 0
    return Progress.MORE


@fn(cold=True)
def measure(now: u64) -> None:
    """Everybody's, at one moment."""
    USAGE.elapsed = now - USAGE.moment
    USAGE.moment = now
    for i in range(u32(VCPUS_MAX)):
        if is_vcpu(i):
            ran = time_used(ENTITIES[i], now)
            USAGE.used[i] = ran.saturating_sub(USAGE.before[i])
            USAGE.before[i] = ran


@fn(cold=True)
def busiest() -> u32 | None:
    """Of those that have run at all and were not said yet."""
    best: u32 | None = None
    most = u64(0)
    for i in range(u32(VCPUS_MAX)):
        if is_vcpu(i) and USAGE.used[i] > most:
            most = USAGE.used[i]
            best = i
    return best
