"""Device registers, ports and instructions: the machine's own in ring 0, calls to their Python models on the host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codegen.back.type_text import bits_of, memory_type, register_type, scalar_types
from codegen.back.writer import Writer, prints_expression, prints_statement
from codegen.ir.nodes import Call, Expr, Intrinsic, Loc, MmioRead, MmioWrite, PortRead, PortWrite
from codegen.ir.types import Aggregate, Bool, Type, Void

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText

ACCUMULATOR = {8: "%al", 16: "%ax", 32: "%eax"}
SUFFIX = {8: "b", 16: "w", 32: "l"}
FLAGS = "~{dirflag},~{fpsr},~{flags}"

# What the host is asked for; intrinsics follow, in order of their first call.
MMIO_READ, MMIO_WRITE, PORT_READ, PORT_WRITE, FIRST_INTRINSIC = range(5)


@prints_expression(MmioRead)
def print_mmio_read(w: Writer, node: MmioRead) -> str:
    address = w.expression(node.address)
    bits = _register_bits(node.type)
    if w.module.target.host:
        number = w.value(f"ptrtoint ptr {address} to i64", node.loc)
        return call_host(w, MMIO_READ, [(number, "i64"), (str(bits // 8), "i64")], node.type, node.loc)
    value = w.value(f"load volatile i{bits}, ptr {address}, align {bits // 8}", node.loc)
    w.emit("fence acquire", node.loc)
    return w.value(f"icmp ne i8 {value}, 0", node.loc) if isinstance(node.type, Bool) else value


@prints_statement(MmioWrite)
def print_mmio_write(w: Writer, node: MmioWrite) -> None:
    address, value = w.expression(node.address), _register_value(w, node.value)
    bits = _register_bits(node.value.type)
    if w.module.target.host:
        number = w.value(f"ptrtoint ptr {address} to i64", node.loc)
        arguments = [(number, "i64"), (str(bits // 8), "i64"), (value, f"i{bits}")]
        call_host(w, MMIO_WRITE, arguments, Void(), node.loc)
        return
    w.emit("fence release", node.loc)
    w.emit(f"store volatile i{bits} {value}, ptr {address}, align {bits // 8}", node.loc)


@prints_expression(PortRead)
def print_port_read(w: Writer, node: PortRead) -> str:
    port = w.expression(node.port)
    bits = _register_bits(node.type)
    if w.module.target.host:
        return call_host(w, PORT_READ, [(port, "i16"), (str(bits // 8), "i64")], node.type, node.loc)
    text = f'asm sideeffect "in{SUFFIX[bits]} %dx, {ACCUMULATOR[bits]}", "={{ax}},{{dx}},~{{memory}},{FLAGS}"'
    value = w.value(f"call i{bits} {text}(i16 {port})", node.loc)
    return w.value(f"icmp ne i8 {value}, 0", node.loc) if isinstance(node.type, Bool) else value


@prints_statement(PortWrite)
def print_port_write(w: Writer, node: PortWrite) -> None:
    port, value = w.expression(node.port), _register_value(w, node.value)
    bits = _register_bits(node.value.type)
    if w.module.target.host:
        arguments = [(port, "i16"), (str(bits // 8), "i64"), (value, f"i{bits}")]
        call_host(w, PORT_WRITE, arguments, Void(), node.loc)
        return
    text = f'asm sideeffect "out{SUFFIX[bits]} {ACCUMULATOR[bits]}, %dx", "{{dx}},{{ax}},~{{memory}},{FLAGS}"'
    w.emit(f"call void {text}(i16 {port}, i{bits} {value})", node.loc)


def _register_bits(type_: Type) -> int:
    return 8 if isinstance(type_, Bool) else bits_of(type_)


def _register_value(w: Writer, value: Expr) -> str:
    text = w.expression(value)
    return w.value(f"zext i1 {text} to i8", value.loc) if isinstance(value.type, Bool) else text


def call_host(w: Writer, request: int, arguments: list[tuple[str, str]], result: Type, loc: Loc) -> str:
    """Hands a request to the test process: arguments in 64-bit cells, results in the same cells.

    When the model raised an exception, native execution ends there (`host_leave`).
    """
    results = scalar_types(result)
    frame = w.allocate(f"%frame{request}", f"[{max(len(arguments), len(results), 1)} x i64]")
    for number, (value, type_) in enumerate(arguments):
        cell = w.value(f"getelementptr i64, ptr {frame}, i64 {number}", loc)
        w.emit(f"store i64 {widen(w, value, type_, loc)}, ptr {cell}", loc)
    failed = w.value(f"call i32 @host_request(i32 {request}, ptr {frame})", loc)
    stop, following = w.label("stop"), w.label("go")
    w.terminate(f"br i1 {w.value(f'icmp ne i32 {failed}, 0', loc)}, label %{stop}, label %{following}", loc)
    w.start(stop)
    w.emit("call void @host_leave(i32 -1)", loc)
    w.terminate("unreachable", loc)
    w.start(following)
    return read_cells(w, frame, result, loc)


def widen(w: Writer, value: str, type_: str, loc: Loc) -> str:
    """A scalar as the 64 bits of a cell."""
    if type_ == "i64":
        return value
    return w.value(f"{'ptrtoint' if type_ == 'ptr' else 'zext'} {type_} {value} to i64", loc)


def read_cells(w: Writer, frame: str, type_: Type, loc: Loc) -> str:
    """A value, flattened into cells, put together again."""
    cells = iter(range(len(scalar_types(type_))))

    def read(part: Type) -> str:
        if isinstance(part, Aggregate):
            value = "zeroinitializer"
            for number, item in enumerate(part.items):
                text = f"{register_type(item)} {read(item)}"
                value = w.value(f"insertvalue {register_type(part)} {value}, {text}, {number}", loc)
            return value
        cell = w.value(f"getelementptr i64, ptr {frame}, i64 {next(cells)}", loc)
        wide = w.value(f"load i64, ptr {cell}", loc)
        narrow = register_type(part)
        if narrow == "i64":
            return wide
        return w.value(f"{'inttoptr' if narrow == 'ptr' else 'trunc'} i64 {wide} to {narrow}", loc)

    return "" if isinstance(type_, Void) else read(type_)


def write_cells(w: Writer, frame: str, value: str, type_: Type, loc: Loc, first: int = 0) -> int:
    """Flattens a value into cells from `first` on; the number of the cell behind it."""
    if isinstance(type_, Aggregate):
        for number, item in enumerate(type_.items):
            part = w.value(f"extractvalue {register_type(type_)} {value}, {number}", loc)
            first = write_cells(w, frame, part, item, loc, first)
        return first
    cell = w.value(f"getelementptr i64, ptr {frame}, i64 {first}", loc)
    w.emit(f"store i64 {widen(w, value, register_type(type_), loc)}, ptr {cell}", loc)
    return first + 1


HINTS = ("pause",)
"""Instructions that change nothing: also on the host they are executed as they are."""


class Intrinsics:
    """Calls of intrinsics in one module. `called` lists those that the host must answer, by request number."""

    def __init__(self, module: ModuleText) -> None:
        self._module = module
        self.called: list[str] = []

    def request(self, symbol: str) -> int:
        if symbol not in self.called:
            self.called.append(symbol)
        return FIRST_INTRINSIC + self.called.index(symbol)

    def call(self, w: Writer, node: Call, arguments: list[str]) -> str:
        if self._module.target.host and self._module.program.intrinsics[node.callee].template not in HINTS:
            cells = [(text.split(" ", 1)[1], text.split(" ", 1)[0]) for text in arguments]
            return call_host(w, self.request(node.callee), cells, node.type, node.loc)
        intrinsic = self._module.program.intrinsics[node.callee]
        text = inline_assembly(intrinsic)
        operands = []
        for argument, type_ in zip(arguments, intrinsic.parameters, strict=True):
            if isinstance(type_, Bool):
                argument = f"i8 {w.value(f'zext {argument} to i8', node.loc)}"
            operands.append(argument)
        call = f"call {memory_type(node.type)} {text}({', '.join(operands)}){effects(intrinsic)}"
        if isinstance(node.type, Void):
            w.emit(call, node.loc)
            return ""
        return _truth_values(w, w.value(call, node.loc), node.type, node.loc)


def _truth_values(w: Writer, value: str, type_: Type, loc: Loc) -> str:
    """Instructions give truth values as bytes (condition outputs such as `={@ccc}`)."""
    if isinstance(type_, Bool):
        return w.value(f"icmp ne i8 {value}, 0", loc)
    if not (isinstance(type_, Aggregate) and any(isinstance(item, Bool) for item in type_.items)):
        return value
    result = "zeroinitializer"
    for number, item in enumerate(type_.items):
        part = w.value(f"extractvalue {memory_type(type_)} {value}, {number}", loc)
        part = _truth_values(w, part, item, loc)
        result = w.value(f"insertvalue {register_type(type_)} {result}, {register_type(item)} {part}, {number}", loc)
    return result


def effects(intrinsic: Intrinsic) -> str:
    """What LLVM may keep in registers across the instruction: everything, when it names no memory as changed. It stays
    in its place among the other instructions of this kind."""
    return "" if "~{memory}" in intrinsic.constraints else " memory(inaccessiblemem: readwrite)"


def inline_assembly(intrinsic: Intrinsic) -> str:
    """The instruction as LLVM writes it. Flags are always taken as changed."""
    template = re.sub(r'["\\\n\t]', lambda match: f"\\{ord(match.group()):02X}", intrinsic.template)
    missing = ",".join(flag for flag in FLAGS.split(",") if flag not in intrinsic.constraints)
    constraints = ",".join(filter(None, (intrinsic.constraints, missing)))
    return f'asm sideeffect "{template}", "{constraints}"'
