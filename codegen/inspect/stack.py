"""How deep an image's stacks get: over the call graph of its machine code, tables of functions included.

A failed check calls `trap`, which every function may do and which does not return: those calls are left out, so that
the graph has no cycles, and the caller adds the depth of `trap` once.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegen.inspect.flow import BadFlow, Flow, Walker
from codegen.inspect.machine_code import MachineCode, Routine

TRAP = "trap"


@dataclass(frozen=True, slots=True)
class Depth:
    """Bytes from a start, and the routines on the deepest way."""

    bytes: int
    way: tuple[str, ...]


class Stacks:
    """The depths of one image. `entered` as in Walker."""

    def __init__(self, code: MachineCode, entered: frozenset[str] = frozenset()) -> None:
        self.code = code
        self._ends = {routine.start for routine in code.routines if routine.name == TRAP}
        self._walker = Walker(code, self._callee, entered)
        self._flows: dict[int, Flow] = {}
        self._depths: dict[int, Depth] = {}
        self._open: list[str] = []

    def flow(self, start: int) -> Flow:
        """The walk from this address. Raises BadFlow, also for recursion."""
        found = self._flows.get(start)
        if found is None:
            routine = self._routine(start)
            if routine.name in self._open:
                raise BadFlow(f"recursion: {' -> '.join([*self._open, routine.name])}")
            self._open.append(routine.name)
            try:
                found = self._flows[start] = self._walker.walk(routine, start)
            finally:
                self._open.pop()
        return found

    def depth(self, start: int) -> Depth:
        """The deepest way from this address, its own return address not counted. Calls on fresh stacks are left out."""
        found = self._depths.get(start)
        if found is None:
            flow, name = self.flow(start), self._routine(start).name
            found = Depth(flow.deepest, (name,))
            for call in flow.calls:
                if not call.fresh and call.target not in self._ends:
                    below = self.depth(call.target)
                    if call.depth + below.bytes > found.bytes:
                        found = Depth(call.depth + below.bytes, (name, *below.way))
            self._depths[start] = found
        return found

    def depth_of(self, name: str) -> Depth:
        """The same of a routine by its symbol."""
        return self.depth(self.code.routine(name).start)

    def _callee(self, start: int) -> Flow | None:
        if start in self._ends:
            return None
        flow = self.flow(start)
        return flow if flow.returns else None

    def _routine(self, address: int) -> Routine:
        found = self.code.routine_at(address)
        if found is None:
            raise BadFlow(f"a call goes to {address:#x}, where no routine is")
        return found
