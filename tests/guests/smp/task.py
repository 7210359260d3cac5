"""What processors other than 0 do for a check: one function at a time, chosen by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.lang import fn, range, u32, u64
from tests.guests.smp.apic import FIXED, send
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.vectors import VECTOR_WAKE
from tests.guests.smp.wait import LONG_PATIENCE, rest

Body = Callable[[Processor, u64], u64]


@dataclass(frozen=True)
class Task:
    """`number` is its place in TASKS, counted from 1."""

    number: int
    body: Body


TASKS: list[Task] = []


def task(body: Body) -> Task:
    """The function is called on the processor that the task is given to, interrupts on, with the check's argument."""
    made = Task(len(TASKS) + 1, body)
    TASKS.append(made)
    return made


@fn
def give(index: u32, number: u32, argument: u64) -> None:
    """Begin a task on processor `index`, which has none."""
    processor = CPUS[index]
    processor.step = 0
    processor.stop = False
    processor.argument = argument
    processor.task = number
    send(index, u32(FIXED | VECTOR_WAKE))


@fn
def done(index: u32) -> bool:
    """Until it has ended; False when patience ends."""
    processor = CPUS[index]
    patience = u32(LONG_PATIENCE)
    while processor.task != 0 and patience != 0:
        rest()
        patience -= 1
    return processor.task == 0


@fn
def result(index: u32, number: u32, argument: u64) -> u64 | None:
    """Do a task there and wait for its answer."""
    give(index, number, argument)
    if not done(index):
        return None
    return CPUS[index].answer


@fn
def give_all(number: u32, argument: u64) -> None:
    """To everybody but processor 0."""
    for i in range(u32(1), u32(COUNT)):
        give(i, number, argument)


@fn
def stop_all() -> None:
    for i in range(u32(1), u32(COUNT)):
        CPUS[i].stop = True


@fn
def all_done() -> bool:
    ended = True
    for i in range(u32(1), u32(COUNT)):
        ended = done(i) and ended
    return ended


@fn
def all_answer(value: u64) -> bool:
    """Until all have ended, and whether each answered so."""
    same = all_done()
    for i in range(u32(1), u32(COUNT)):
        same = same and CPUS[i].answer == value
    return same
