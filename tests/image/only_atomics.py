"""What a handler that comes between any two instructions touches, over the IR's call graph from its entry point.

Allowed are atomic accesses, the handler's own stack, constants, named cells that are written once at start, and named
instructions. What does not return (a panic) is the end, and must be named too.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.ir import nodes as ir
from codegen.ir.types import Type

# Where an address comes from: "stack", "frame" (what the entry point was given), "cpu" (this processor's own data),
# "data NAME+OFFSET", "data NAME>OFFSET" at that offset or behind it, "constant NAME", or "unknown".
Roots = frozenset[str]
UNKNOWN: Roots = frozenset({"unknown"})
MEMORY = (ir.MemoryCopy, ir.MemoryFill, ir.MemoryEqual)
DEVICES = (ir.MmioRead, ir.MmioWrite, ir.PortRead, ir.PortWrite)


@dataclass(frozen=True)
class Allowed:
    """`written_once`: "data NAME+OFFSET"; `instructions` and `ends`: symbols."""

    written_once: frozenset[str]
    instructions: frozenset[str]
    ends: frozenset[str]


def violations(program: ir.Program, entry: str, allowed: Allowed) -> list[str]:
    """In words, each once, with file and line."""
    function = program.functions[entry]
    walk = Walk(program, allowed)
    walk.function(function, tuple(frozenset({"frame"}) for _ in function.parameters))
    return sorted(set(walk.found))


def writers(program: ir.Program, cell: str) -> set[str]:
    """The functions that store to "data NAME+OFFSET", or that hand on an address in NAME, so that others may."""
    name, _, offset = cell.partition("+")
    found = set()
    for function in program.functions.values():
        walk = Walk(program, Allowed(frozenset(), frozenset(), frozenset()))
        origins = walk.origins(function, tuple(UNKNOWN for _ in function.parameters))
        for node in nodes(function.body):
            stored: list[Any] = []
            handed_on: list[Any] = []
            if isinstance(node, ir.Store):
                stored, handed_on = [node.address], [node.value]
            elif isinstance(node, ir.AtomicUpdate | ir.CompareExchange):
                stored = [node.address]
            elif isinstance(node, ir.MemoryCopy | ir.MemoryFill):
                handed_on = [node.target]
            elif isinstance(node, ir.Call | ir.CallIndirect):
                handed_on = list(node.arguments)
            if any(may_be(root, name, int(offset)) for each in stored for root in walk.roots(each, origins)):
                found.add(function.symbol)
            if any(
                root.startswith((f"{name}+", f"{name}>")) for each in handed_on for root in walk.roots(each, origins)
            ):
                found.add(function.symbol)
    return found


def may_be(root: str, name: str, offset: int) -> bool:
    """Whether an address may be that of the cell."""
    if root.startswith(f"{name}>"):
        return int(root.partition(">")[2]) <= offset
    return root == f"{name}+{offset}"


class Walk:
    """One walk; `found` collects complaints."""

    def __init__(self, program: ir.Program, allowed: Allowed) -> None:
        self.program = program
        self.allowed = allowed
        self.found: list[str] = []

    def function(self, function: ir.Function, parameters: tuple[Roots, ...]) -> None:
        """Check a function that is called with such addresses, and what it calls."""
        origins = self.origins(function, parameters)
        for node in nodes(function.body):
            if isinstance(node, ir.Load | ir.Store):
                self.access(node, origins, function)
            elif isinstance(node, MEMORY):
                places = [node.target] if isinstance(node, ir.MemoryFill) else [
                    *((node.left, node.right) if isinstance(node, ir.MemoryEqual) else (node.target, node.source))
                ]  # fmt: skip
                for place in places:
                    if (self.roots(place, origins) or UNKNOWN) != {"stack"}:
                        self.complain(node, function, "memory that is not its own")
            elif isinstance(node, DEVICES):
                self.complain(node, function, "a device")
            elif isinstance(node, ir.CallIndirect):
                self.complain(node, function, f"whatever {node.table} holds")
            elif isinstance(node, ir.Call):
                self.call(node, origins, function)

    def access(self, node: ir.Load | ir.Store, origins: dict[int, Roots], function: ir.Function) -> None:
        if node.order:
            return
        if node.space == "gs":
            if isinstance(node, ir.Load) and isinstance(node.address, ir.Const) and node.address.value == 0:
                return  # this processor's own address, which stands there from its start
            self.complain(node, function, "per-CPU data without an atomic")
            return
        for root in self.roots(node.address, origins) or UNKNOWN:
            if root == "stack" or (isinstance(node, ir.Load) and (root == "frame" or root.startswith("constant"))):
                continue
            if isinstance(node, ir.Load) and root in self.allowed.written_once:
                continue
            self.complain(node, function, f"{root} without an atomic")

    def call(self, node: ir.Call, origins: dict[int, Roots], function: ir.Function) -> None:
        if node.callee in self.program.functions:
            callee = self.program.functions[node.callee]
            if node.callee in self.allowed.ends and callee.noreturn:
                return
            self.function(callee, tuple(self.roots(each, origins) for each in node.arguments))
        elif node.callee not in self.allowed.instructions:
            self.complain(node, function, node.callee)

    def complain(self, node: Any, function: ir.Function, what: str) -> None:
        self.found.append(f"{node.loc.file}:{node.loc.line}: {function.name} touches {what}")

    def origins(self, function: ir.Function, parameters: tuple[Roots, ...]) -> dict[int, Roots]:
        """Where each local's address may come from; the same everywhere in the function."""
        found = {each.number: roots for each, roots in zip(function.parameters, parameters, strict=True)}
        assignments = [node for node in nodes(function.body) if isinstance(node, ir.SetLocal)]
        changed = True
        while changed:
            changed = False
            for node in assignments:
                known = found.get(node.local.number, frozenset())
                more = known | self.roots(node.value, found)
                if more != known:
                    found[node.local.number], changed = more, True
        return found

    def roots(self, address: Any, origins: dict[int, Roots]) -> Roots:
        """Where an address comes from."""
        match address:
            case ir.StackSlot():
                return frozenset({"stack"})
            case ir.Symbol():
                data = self.program.data.get(address.name)
                constant = address.name in self.program.tables or (data is not None and data.constant)
                return frozenset({f"constant {address.name}" if constant else f"data {address.name}+0"})
            case ir.Local():
                return origins.get(address.number, frozenset())
            case ir.Offset():
                return frozenset(moved(root, address.bytes) for root in self.roots(address.base, origins))
            case ir.Index():
                return frozenset(root.replace("+", ">") for root in self.roots(address.base, origins))
            case ir.Convert():
                return self.roots(address.value, origins)
            case ir.Load() if address.space == "gs":
                return frozenset({"cpu"})
            case ir.Choose():
                return self.roots(address.then, origins) | self.roots(address.otherwise, origins)
            case ir.Sequence():
                return self.roots(address.result, origins)
            case ir.Null():
                return frozenset()
            case _:
                return UNKNOWN


def moved(root: str, offset: int) -> str:
    """The root of an address that lies `offset` bytes further."""
    parts = re.fullmatch(r"(data [^+>]*)([+>])(\d+)", root)
    return f"{parts[1]}{parts[2]}{int(parts[3]) + offset}" if parts else root


def nodes(thing: Any) -> Iterator[Any]:
    """All nodes in a node or a tuple of such, itself first."""
    if isinstance(thing, tuple):
        for each in thing:
            yield from nodes(each)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, ir.Loc | Type):  # type: ignore[arg-type, misc]
        yield thing
        for each in dataclasses.fields(thing):
            yield from nodes(getattr(thing, each.name))
