"""What every processor does for ever: what is due, decide, run a vCPU for its turn, sleep when nobody can run."""

from __future__ import annotations

from typing import Never

from codegen.lang import Field, Struct, fn, storage, u32
from hypervisor.console.guests import console_flush_guests
from hypervisor.console.log import log
from hypervisor.cpu.idle import idle_until, take_interrupts
from hypervisor.cpu.per_cpu import CPU
from hypervisor.sched.notify import serve_kicks
from hypervisor.sched.queues import PROCESSORS, all_processors
from hypervisor.sched.service import HOUSEKEEPER, serve_processor, turn_end
from hypervisor.sched.turn import run_turn
from hypervisor.sched.vcpus import decide_vcpu
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import trace_processor
from hypervisor.vcpu.hold import release_if_asked
from hypervisor.vm.lifecycle import vms_alive


class LastWords(Struct):
    """The first processor's."""

    said: Field[bool]


LAST_WORDS = storage(LastWords)


@fn
def schedule() -> Never:
    """Run everybody, for ever."""
    while True:
        schedule_once(CPU.current.index)


@fn
def schedule_once(cpu: u32) -> None:
    """One decision of the calling processor, and what follows from it. Who asks for another one behind the second line
    gets it."""
    take_interrupts()
    CPU.current.reschedule.store(0)
    release_if_asked()
    serve_processor(cpu)
    vcpu = decide_vcpu(cpu)
    serve_kicks()
    if vcpu is not None:
        run_turn(vcpu, cpu)
    elif CPU.current.reschedule.load() == 0 and CPU.current.release.load() == 0:
        idle(cpu)


@fn(noinline=True)
def idle(cpu: u32) -> None:
    """Nobody can run here. Interrupts are off until the processor sleeps, so none is missed."""
    if cpu == HOUSEKEEPER:
        nobody = vms_alive() == 0
        if nobody and not LAST_WORDS.said:
            log("all guests have stopped")
        LAST_WORDS.said = nobody
    if PROCESSORS.idle.load() == all_processors():
        console_flush_guests()  # a prompt has no line end
    trace_processor(EventKind.IDLE, u32(0))
    idle_until(turn_end(cpu))
    trace_processor(EventKind.BUSY, u32(0))
