"""Branches, loops, calls and returns as LLVM text."""

from __future__ import annotations

from codegen.back.type_text import register_type
from codegen.back.writer import Writer, prints_expression, prints_statement
from codegen.ir.nodes import (
    Block,
    Break,
    Call,
    CallIndirect,
    Const,
    Continue,
    Evaluate,
    If,
    Loop,
    Return,
    Switch,
    Trap,
    Unreachable,
)
from codegen.ir.types import Aggregate, Void
from codegen.lang.checks import INDEX


@prints_statement(Evaluate)
def print_evaluate(w: Writer, node: Evaluate) -> None:
    w.expression(node.value)


@prints_statement(If)
def print_if(w: Writer, node: If) -> None:
    condition = w.expression(node.condition)
    then, end = w.label("then"), w.label("end")
    otherwise = w.label("else") if node.otherwise else end
    w.terminate(f"br i1 {condition}, label %{then}, label %{otherwise}", node.loc)
    w.start(then)
    w.statements(node.then)
    w.jump(end, node.loc)
    if node.otherwise:
        w.start(otherwise)
        w.statements(node.otherwise)
        w.jump(end, node.loc)
    w.start(end)


@prints_statement(Loop)
def print_loop(w: Writer, node: Loop) -> None:
    test, body, step, end = w.label("while"), w.label("body"), w.label("step"), w.label("end")
    w.join(test, node.loc)
    if isinstance(node.condition, Const) and node.condition.value:
        w.jump(body, node.loc)  # else an image without optimisation has a way out that leads into the next function
    else:
        condition = w.expression(node.condition)
        w.terminate(f"br i1 {condition}, label %{body}, label %{end}", node.loc)
    w.start(body)
    w.break_labels.append((None, end))
    w.continue_labels.append(step)
    w.statements(node.body)
    w.break_labels.pop()
    w.continue_labels.pop()
    w.join(step, node.loc)
    w.statements(node.step)
    w.jump(test, node.loc)
    w.start(end)


@prints_statement(Block)
def print_block(w: Writer, node: Block) -> None:
    end = w.label("end")
    w.break_labels.append((node.label, end))
    w.statements(node.body)
    w.break_labels.pop()
    w.join(end, node.loc)


@prints_statement(Break)
def print_break(w: Writer, node: Break) -> None:
    target = next(label for number, label in reversed(w.break_labels) if number == node.label)
    w.terminate(f"br label %{target}", node.loc)


@prints_statement(Continue)
def print_continue(w: Writer, node: Continue) -> None:
    w.terminate(f"br label %{w.continue_labels[-1]}", node.loc)


@prints_statement(Switch)
def print_switch(w: Writer, node: Switch) -> None:
    value = w.expression(node.value)
    type_ = register_type(node.value.type)
    end = w.label("end")
    default = w.label("default") if node.default else end
    labels = [w.label("case") for _ in node.cases]
    table = " ".join(
        f"{type_} {number}, label %{label}"
        for (numbers, _), label in zip(node.cases, labels, strict=True)
        for number in numbers
    )
    w.terminate(f"switch {type_} {value}, label %{default} [ {table} ]", node.loc)
    for (_, body), label in zip(node.cases, labels, strict=True):
        w.start(label)
        w.statements(body)
        w.jump(end, node.loc)
    if node.default:
        w.start(default)
        w.statements(node.default)
        w.jump(end, node.loc)
    w.start(end)


@prints_statement(Return)
def print_return(w: Writer, node: Return) -> None:
    if node.value is not None and isinstance(node.value.type, Aggregate):
        w.leave_with(node.value)
        return
    w.terminate(f"ret {w.typed(node.value)}" if node.value is not None else "ret void", node.loc)


@prints_statement(Trap)
def print_trap(w: Writer, node: Trap) -> None:
    w.trap(node.kind, node.loc)


@prints_statement(Unreachable)
def print_unreachable(w: Writer, node: Unreachable) -> None:
    w.terminate("unreachable", node.loc)


@prints_expression(Call)
def print_call(w: Writer, node: Call) -> str:
    arguments = [w.typed(argument) for argument in node.arguments]
    if node.callee in w.module.program.intrinsics:
        result = w.module.intrinsics.call(w, node, arguments)
    elif node.callee in w.module.program.stubs and w.module.program.stubs[node.callee].clobbers:
        result = _call_clobbering(w, node, arguments)
    else:
        callee = w.module.callee(node.callee)
        result = _call(w, node, f"{w.module.convention(node.callee)}{register_type(node.type)} {callee}", arguments)
    if node.noreturn:
        w.terminate("unreachable", node.loc)
    return result


ARGUMENT_REGISTERS = ("di", "si", "dx", "cx", "r8", "r9")
CALLER_SAVED = ("ax", "cx", "dx", "si", "di", "r8", "r9", "r10", "r11")


def _call_clobbering(w: Writer, node: Call, arguments: list[str]) -> str:
    """A stub that does not keep to the calling convention: LLVM learns from inline assembly which registers it loses.

    An input register cannot be declared lost, so each argument is tied to a result that nobody reads.
    """
    registers = ARGUMENT_REGISTERS[: len(arguments)]
    outputs = [] if isinstance(node.type, Void) else ["={ax}"]
    first = len(outputs)
    results = [register_type(node.type)] * first + [text.split(" ", 1)[0] for text in arguments]
    lost = [name for name in CALLER_SAVED if name not in registers and not (first and name == "ax")]
    constraints = [
        *outputs,
        *(f"={{{name}}}" for name in registers),
        *(str(first + number) for number in range(len(arguments))),
        "i",
        *(f"~{{{name}}}" for name in (*lost, *w.module.program.stubs[node.callee].clobbers)),
        "~{memory},~{dirflag},~{fpsr},~{flags}",
    ]
    type_ = f"{{ {', '.join(results)} }}" if len(results) != 1 else results[0]
    place = first + 2 * len(arguments)
    text = f'asm sideeffect "callq ${{{place}:P}}", "{",".join(constraints)}"'
    value = w.value(f"call {type_} {text}({', '.join([*arguments, f'ptr {w.module.symbol(node.callee)}'])})", node.loc)
    return w.value(f"extractvalue {type_} {value}, 0", node.loc) if first else ""


@prints_expression(CallIndirect)
def print_call_indirect(w: Writer, node: CallIndirect) -> str:
    """The index is checked before the arguments are computed, as Python does."""
    table = w.module.program.tables[node.table]
    index = w.expression(node.index)
    type_ = register_type(node.index.type)
    if type_ != "i1" and len(table.entries) < 1 << int(type_[1:]):
        outside = w.value(f"icmp uge {type_} {index}, {len(table.entries)}", node.loc)
        w.trap_if(outside, INDEX, node.loc)
    arguments = [w.typed(argument) for argument in node.arguments]
    wide = index if type_ == "i64" else w.value(f"zext {type_} {index} to i64", node.loc)
    slot = w.value(f"getelementptr ptr, ptr {w.module.symbol(node.table)}, i64 {wide}", node.loc)
    callee = w.value(f"load ptr, ptr {slot}", node.loc)
    convention = w.module.convention(table.entries[0])
    return _call(w, node, f"{convention}{register_type(node.type)} {callee}", arguments)


def _call(w: Writer, node: Call | CallIndirect, callee: str, arguments: list[str]) -> str:
    text = f"call {callee}({', '.join(arguments)})"
    if isinstance(node.type, Void):
        w.emit(text, node.loc)
        return ""
    return w.value(text, node.loc)
