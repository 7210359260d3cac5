"""Addresses, loads, stores, atomics and aggregate values as LLVM text."""

from __future__ import annotations

from codegen.back.type_text import memory_type, register_type, scalar_types
from codegen.back.writer import Writer, prints_expression, prints_statement
from codegen.ir.nodes import (
    AtomicUpdate,
    Call,
    CompareExchange,
    Const,
    Expr,
    Extract,
    Index,
    Load,
    Loc,
    Local,
    MakeAggregate,
    MemoryCopy,
    MemoryEqual,
    MemoryFill,
    Null,
    Offset,
    Sequence,
    SetLocal,
    StackSlot,
    Store,
    Symbol,
    Undefined,
)
from codegen.ir.types import Aggregate, Bool, Type
from codegen.lang.checks import INDEX

ARGUMENT_REGISTERS = 6  # System V ABI, 3.2.3
UPDATES = {"add": "add", "sub": "sub", "or": "or", "and": "and", "exchange": "xchg"}


@prints_expression(Null)
def print_null(w: Writer, node: Null) -> str:
    return "null"


@prints_expression(Undefined)
def print_undefined(w: Writer, node: Undefined) -> str:
    return "zeroinitializer"


@prints_expression(Symbol)
def print_symbol(w: Writer, node: Symbol) -> str:
    return w.module.symbol(node.name)


@prints_expression(StackSlot)
def print_stack_slot(w: Writer, node: StackSlot) -> str:
    return w.allocate(f"%slot{node.number}", f"[{node.size} x i8]", node.align)


@prints_expression(Local)
def print_local(w: Writer, node: Local) -> str:
    type_ = register_type(node.type)
    return w.value(f"load {type_}, ptr {local_address(w, node)}", node.loc)


@prints_statement(SetLocal)
def print_set_local(w: Writer, node: SetLocal) -> None:
    value = w.typed(node.value)
    if isinstance(node.value, Call) and passes_on_stack(node.value):
        w.results_of_stack_calls.add(node.local.number)
    w.emit(f"store {value}, ptr {local_address(w, node.local)}", node.loc)


def local_address(w: Writer, local: Local) -> str:
    """Locals live in stack memory here; LLVM's mem2reg puts them into registers."""
    return w.allocate(local_name(local), register_type(local.type))


def local_name(local: Local) -> str:
    """Of a local's stack memory."""
    return f"%local{local.number}"


def passes_on_stack(call: Call) -> bool:
    """More arguments than the convention has registers for."""
    return sum(len(scalar_types(argument.type)) for argument in call.arguments) > ARGUMENT_REGISTERS


def to_memory(w: Writer, value: str, type_: Type, loc: Loc) -> str:
    """The operand as it is stored: a truth value becomes a byte."""
    return w.value(f"zext i1 {value} to i8", loc) if isinstance(type_, Bool) else value


def from_memory(w: Writer, value: str, type_: Type, loc: Loc) -> str:
    """The operand from what was loaded: any byte but zero is true."""
    return w.value(f"icmp ne i8 {value}, 0", loc) if isinstance(type_, Bool) else value


def _place(w: Writer, address: Expr, space: str) -> str:
    """The typed address. Per-CPU memory is reached through GS; on the host it is one block of ordinary memory."""
    if not space:
        return f"ptr {w.expression(address)}"
    if space != "gs":
        raise NotImplementedError(f"address space {space}")
    offset = w.expression(address)
    width = register_type(address.type)
    if w.module.target.host:
        base = w.value(f"load ptr, ptr {w.module.host_per_cpu}", address.loc)
        return f"ptr {w.value(f'getelementptr i8, ptr {base}, {width} {offset}', address.loc)}"
    if isinstance(address, Const):
        return f"ptr addrspace(256) inttoptr ({width} {offset} to ptr addrspace(256))"
    return f"ptr addrspace(256) {w.value(f'inttoptr {width} {offset} to ptr addrspace(256)', address.loc)}"


@prints_expression(Load)
def print_load(w: Writer, node: Load) -> str:
    place = _place(w, node.address, node.space)
    kind = ("atomic " if node.order else "") + ("volatile " if node.volatile else "")
    order = f" {node.order}" if node.order else ""
    value = w.value(f"load {kind}{memory_type(node.type)}, {place}{order}, align {node.align}", node.loc)
    return from_memory(w, value, node.type, node.loc)


@prints_statement(Store)
def print_store(w: Writer, node: Store) -> None:
    place = _place(w, node.address, node.space)
    value = to_memory(w, w.expression(node.value), node.value.type, node.loc)
    kind = ("atomic " if node.order else "") + ("volatile " if node.volatile else "")
    order = f" {node.order}" if node.order else ""
    w.emit(f"store {kind}{memory_type(node.value.type)} {value}, {place}{order}, align {node.align}", node.loc)


@prints_expression(Offset)
def print_offset(w: Writer, node: Offset) -> str:
    base = w.expression(node.base)
    return w.value(f"getelementptr i8, ptr {base}, i64 {node.bytes}", node.loc) if node.bytes else base


@prints_expression(Index)
def print_index(w: Writer, node: Index) -> str:
    base, index = w.expression(node.base), w.expression(node.index)
    type_ = register_type(node.index.type)
    if node.count is not None:
        count = w.expression(node.count)
        w.trap_if(w.value(f"icmp uge {type_} {index}, {count}", node.loc), INDEX, node.loc)
    if type_ not in ("i64", "i32") or (type_ == "i32" and w.module.target.pointer_bits == 64):
        # getelementptr extends by the sign; indexes are unsigned.
        index, type_ = w.value(f"zext {type_} {index} to i64", node.loc), "i64"
    return w.value(f"getelementptr [{node.stride} x i8], ptr {base}, {type_} {index}", node.loc)


@prints_expression(AtomicUpdate)
def print_atomic_update(w: Writer, node: AtomicUpdate) -> str:
    address = w.expression(node.address)
    value = to_memory(w, w.expression(node.value), node.type, node.loc)
    before = w.value(f"atomicrmw {UPDATES[node.op]} ptr {address}, {memory_type(node.type)} {value} seq_cst", node.loc)
    return from_memory(w, before, node.type, node.loc)


@prints_expression(CompareExchange)
def print_compare_exchange(w: Writer, node: CompareExchange) -> str:
    address = w.expression(node.address)
    type_ = memory_type(node.expected.type)
    expected = to_memory(w, w.expression(node.expected), node.expected.type, node.loc)
    new = to_memory(w, w.expression(node.new), node.new.type, node.loc)
    pair = w.value(f"cmpxchg ptr {address}, {type_} {expected}, {type_} {new} seq_cst seq_cst", node.loc)
    return w.value(f"extractvalue {{ {type_}, i1 }} {pair}, 1", node.loc)


@prints_expression(MakeAggregate)
def print_make_aggregate(w: Writer, node: MakeAggregate) -> str:
    type_ = register_type(node.type)
    items = [w.typed(item) for item in node.items]
    value = "zeroinitializer"
    for number, item in enumerate(items):
        value = w.value(f"insertvalue {type_} {value}, {item}, {number}", node.loc)
    return value


@prints_expression(Extract)
def print_extract(w: Writer, node: Extract) -> str:
    assert isinstance(node.value.type, Aggregate)
    return w.value(f"extractvalue {w.typed(node.value)}, {node.index}", node.loc)


@prints_expression(Sequence)
def print_sequence(w: Writer, node: Sequence) -> str:
    w.statements(node.body)
    return w.expression(node.result)


@prints_statement(MemoryCopy)
def print_memory_copy(w: Writer, node: MemoryCopy) -> None:
    target, source = w.expression(node.target), w.expression(node.source)
    size = w.typed(node.size)
    width = register_type(node.size.type)
    name = f"llvm.{'memmove' if node.overlap else 'memcpy'}.p0.p0.{width}"
    w.module.declare(f"declare void @{name}(ptr, ptr, {width}, i1)")
    w.emit(f"call void @{name}(ptr {target}, ptr {source}, {size}, i1 false)", node.loc)


@prints_statement(MemoryFill)
def print_memory_fill(w: Writer, node: MemoryFill) -> None:
    target, value = w.expression(node.target), w.expression(node.value)
    size = w.typed(node.size)
    width = register_type(node.size.type)
    w.module.declare(f"declare void @llvm.memset.p0.{width}(ptr, i8, {width}, i1)")
    w.emit(f"call void @llvm.memset.p0.{width}(ptr {target}, i8 {value}, {size}, i1 false)", node.loc)


@prints_expression(MemoryEqual)
def print_memory_equal(w: Writer, node: MemoryEqual) -> str:
    left, right, size = w.expression(node.left), w.expression(node.right), w.expression(node.size)
    width, native = register_type(node.size.type), f"i{w.module.target.pointer_bits}"
    if width != native:
        size = w.value(f"{'trunc' if native == 'i32' else 'zext'} {width} {size} to {native}", node.loc)
    difference = w.value(f"call i32 @memcmp(ptr {left}, ptr {right}, {native} {size})", node.loc)
    return w.value(f"icmp eq i32 {difference}, 0", node.loc)
