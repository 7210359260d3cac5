"""Where the monitor's stacks begin, how large they are, and how deep they get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from boot.entry.early import STACK_SIZE
from codegen.inspect.machine_code import MachineCode
from codegen.inspect.stack import Depth, Stacks
from hypervisor.cpu.stacks import STACK_BYTES, TRAP_STACK_BYTES
from hypervisor.cpu.trap_entry import ENTRY_BYTES, VECTORS
from hypervisor.vcpu.event import Vector

ENTERED = frozenset({"vmx_enter"})
"""Stubs that give addresses of their own to the processor: where VM exits arrive."""

EXIT_TABLE = "hypervisor.exits.table.EXIT_HANDLERS"
WORD = 8
ENTRY_CODE = 64  # what boot/entry pushes before it calls `start`
PUSHED_BY_TRAP = 5 * WORD + WORD + WORD  # SS to RIP, an error code, and what aligns the stack (SDM vol. 3A, 6.14.2)
OWN_STACKS = {"double-fault": Vector.DF, "nmi": Vector.NMI, "machine-check": Vector.MC}


@dataclass(frozen=True)
class EntryPoint:
    """`size` is the stack's; `depth` the bytes that the deepest way needs of it, traps on the same stack included."""

    name: str
    size: int
    depth: int
    way: tuple[str, ...]


def entry_points(code: MachineCode) -> Iterator[EntryPoint]:
    """All stacks of one image. Raises BadFlow.

    On top of its own way, each stack takes an interrupt, an exception or failed check at the deepest place, and another
    one while a panic reports that: the panic inside a panic stops. NMI, #DF and #MC go to stacks of their own. "exit"
    is the part of "run" that handles one VM exit, without traps; "other-run" is "run" of all processors but the first.
    """
    stacks = Stacks(code, ENTERED)
    trap = max((trap_depth(stacks, vector) for vector in range(VECTORS)), key=lambda depth: depth.bytes)
    fault = max(trap.bytes, WORD + stacks.depth_of("trap").bytes)
    boot = [stacks.depth_of("start"), stacks.depth_of("pvh_boot_info")]
    deepest = max(boot, key=lambda depth: depth.bytes)
    yield EntryPoint("boot", STACK_SIZE, ENTRY_CODE + WORD + deepest.bytes + 2 * fault, deepest.way)
    run = stacks.depth_of("start_on_own_stack")
    handlers = max((stacks.depth(place) for place in exit_handlers(code)), key=lambda depth: depth.bytes)
    yield EntryPoint("exit", STACK_BYTES, WORD + handlers.bytes, handlers.way)
    yield EntryPoint("run", STACK_BYTES, WORD + run.bytes + trap.bytes + 2 * fault, run.way)
    other = stacks.depth_of("start_processor")
    yield EntryPoint("other-run", STACK_BYTES, WORD + other.bytes + trap.bytes + 2 * fault, other.way)
    for name, vector in OWN_STACKS.items():
        own = trap_depth(stacks, vector.value)
        yield EntryPoint(name, TRAP_STACK_BYTES, own.bytes + 2 * fault, own.way)


def exit_handlers(code: MachineCode) -> Iterator[int]:
    """The addresses in the table of VM exits."""
    place, size = next((place, size) for place, (name, size) in code.objects.items() if name == EXIT_TABLE)
    for offset in range(0, size, WORD):
        word = code.word(place + offset)
        assert word is not None
        yield word


def trap_depth(stacks: Stacks, vector: int) -> Depth:
    """Of one exception or interrupt, with what the processor pushes."""
    routine = stacks.code.routine("trap_entries")
    own = stacks.depth(routine.start + first_entry(routine.code) + vector * ENTRY_BYTES)
    return Depth(PUSHED_BY_TRAP + own.bytes, own.way)


def first_entry(code: bytes) -> int:
    """Where the entries begin: the stub opens with LEA RAX, [RIP + entries]."""
    assert code[:3] == b"\x48\x8d\x05"
    return 7 + int.from_bytes(code[3:7], "little", signed=True)
