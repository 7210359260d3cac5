"""What is known at one point of a function: which locals hold a value, which alternative of a union they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.front.types import Type


@dataclass(slots=True)
class Flow:
    """`assigned`: locals that certainly hold a value. `narrowed`: unions of which one alternative is certain."""

    assigned: set[str] = field(default_factory=set)
    narrowed: dict[str, Type] = field(default_factory=dict)
    dead: bool = False

    def copy(self) -> Flow:
        """A state that can change on its own."""
        return Flow(set(self.assigned), dict(self.narrowed), self.dead)

    def forget(self, names: set[str]) -> None:
        """Drops narrowings of locals that a loop may assign again."""
        for name in names & self.narrowed.keys():
            del self.narrowed[name]


def join(first: Flow, second: Flow) -> Flow:
    """What is known where two ways meet."""
    if first.dead:
        return second.copy()
    if second.dead:
        return first.copy()
    both = {name: kind for name, kind in first.narrowed.items() if second.narrowed.get(name) == kind}
    return Flow(first.assigned & second.assigned, both)
