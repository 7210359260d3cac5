"""The stages of an exit, and which instruction of the walked path begins each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.show.machine_code import Instruction

HANDLER = "hypervisor.exits.cpuid.emulate_cpuid"
DISPATCH = "hypervisor.exits.table.answer_exit"
RUN_LOOP = "hypervisor.vcpu.run.run_slice"


@dataclass(frozen=True, slots=True)
class Step:
    """One executed instruction, and the symbol whose code it is."""

    symbol: str
    one: Instruction

    def is_in(self, function: str) -> bool:
        """Whether it belongs to `function`, inlined or not."""
        return self.symbol == function or any(call.symbol == function for call in self.one.inside)

    @property
    def function(self) -> str:
        """The Python function that it was written in: a symbol, or the name of what was inlined."""
        return self.one.inside[-1].symbol if self.one.inside else self.symbol


@dataclass(frozen=True, slots=True)
class Stage:
    """`begins` is asked of each instruction behind the one before; the first that it is true of begins the stage.
    What the compiler moved in between stays where it is executed."""

    title: str
    words: str
    begins: Callable[[Step], bool]


def stages(stub: str, skip: str) -> list[Stage]:
    """In order. `stub` is the symbol of the vendor's entry stub, `skip` the name of its `vcpu_skip_instruction`."""
    return [
        Stage(
            "Out of the guest", "The stub saves the guest's registers and takes the monitor's stack.", lambda _: True
        ),
        Stage(
            "Decode",
            "A jump by the hardware's reason leads to the code of this `ExitKind`.",
            lambda s: s.symbol != stub,
        ),
        Stage("Dispatch", "The kind is counted; its handler's code follows.", lambda s: s.is_in(DISPATCH)),
        Stage("Answer", "CPUID from the VM's table.", lambda s: s.is_in(HANDLER)),
        Stage("Skip the instruction", "The guest goes on behind its CPUID.", lambda s: s.is_in(skip)),
        Stage("Prepare the entry", "Nothing is waiting: one look at `work`.", lambda s: reads_work(s)),
        Stage("Into the guest", "The stub loads the guest's registers and enters.", lambda s: s.symbol == stub),
    ]


def reads_work(step: Step) -> bool:
    """The next round of the run loop."""
    return step.function == RUN_LOOP and "[" in step.one.text


def divided(steps: list[Step], wanted: list[Stage]) -> list[tuple[Stage, list[Step]]]:
    """The path, stage by stage. ValueError when one does not begin."""
    found: list[tuple[Stage, list[Step]]] = []
    for step in steps:
        if len(found) < len(wanted) and wanted[len(found)].begins(step):
            found.append((wanted[len(found)], []))
        found[-1][1].append(step)
    if len(found) != len(wanted):
        raise ValueError(f"the path never comes to {wanted[len(found)].title!r}")
    return found
