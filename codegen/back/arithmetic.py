"""Integers and truth values as LLVM text: checked, wrapping, compared, converted."""

from __future__ import annotations

from codegen.back.type_text import bits_of, is_signed, register_type
from codegen.back.writer import Writer, prints_expression
from codegen.ir.nodes import Binary, Choose, Compare, Const, Convert, Logic, Unary, WithOverflow
from codegen.ir.types import BOOL, Aggregate, Bool, Int, Ptr
from codegen.lang.checks import DIVISION, FIT, OVERFLOW, SHIFT

SIGNS = {"add": "+", "sub": "-", "mul": "*"}
PLAIN = {"and": "and", "or": "or", "xor": "xor", "add": "add", "sub": "sub", "mul": "mul"}
CONDITIONS = {"lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}


@prints_expression(Const)
def print_const(w: Writer, node: Const) -> str:
    if isinstance(node.type, Bool):
        return "true" if node.value else "false"
    return f"inttoptr (i64 {node.value} to ptr)" if isinstance(node.type, Ptr) else str(node.value)


@prints_expression(Binary)
def print_binary(w: Writer, node: Binary) -> str:
    left, right = w.expression(node.left), w.expression(node.right)
    type_ = register_type(node.type)
    if node.op in ("div", "rem"):
        return _divide(w, node, left, right, type_)
    if node.op in ("shl", "shr"):
        return _shift(w, node, left, right, type_)
    if node.check and node.op in SIGNS:
        pair = w.value(_overflow_call(w, node, left, right, type_), node.loc)
        overflowed = w.value(f"extractvalue {{ {type_}, i1 }} {pair}, 1", node.loc)
        w.trap_if(overflowed, OVERFLOW[SIGNS[node.op]], node.loc)
        return w.value(f"extractvalue {{ {type_}, i1 }} {pair}, 0", node.loc)
    return w.value(f"{PLAIN[node.op]} {type_} {left}, {right}", node.loc)


def _overflow_call(w: Writer, node: Binary | WithOverflow, left: str, right: str, type_: str) -> str:
    name = f"@llvm.{'s' if is_signed(node.left.type) else 'u'}{node.op}.with.overflow.{type_}"
    w.module.declare(f"declare {{ {type_}, i1 }} {name}({type_}, {type_})")
    return f"call {{ {type_}, i1 }} {name}({type_} {left}, {type_} {right})"


def _divide(w: Writer, node: Binary, left: str, right: str, type_: str) -> str:
    """Division by zero is undefined in LLVM, so even unchecked code keeps this one check."""
    signed = is_signed(node.type)
    if not (isinstance(node.right, Const) and node.right.value):
        w.trap_if(w.value(f"icmp eq {type_} {right}, 0", node.loc), DIVISION, node.loc)
    if signed and not (isinstance(node.right, Const) and node.right.value != -1):
        lowest = w.value(f"icmp eq {type_} {left}, {-(1 << (bits_of(node.type) - 1))}", node.loc)
        minus_one = w.value(f"icmp eq {type_} {right}, -1", node.loc)
        w.trap_if(w.value(f"and i1 {lowest}, {minus_one}", node.loc), OVERFLOW["-"], node.loc)
    return w.value(f"{'s' if signed else 'u'}{node.op} {type_} {left}, {right}", node.loc)


def _shift(w: Writer, node: Binary, left: str, right: str, type_: str) -> str:
    """An amount of the width or more is poison in LLVM: trapped when checked, else reduced modulo the width."""
    width = bits_of(node.type)
    if not (isinstance(node.right, Const) and 0 <= node.right.value < width):
        if node.check:
            w.trap_if(w.value(f"icmp uge {type_} {right}, {width}", node.loc), SHIFT, node.loc)
        else:
            right = w.value(f"and {type_} {right}, {width - 1}", node.loc)
    instruction = "shl" if node.op == "shl" else "ashr" if is_signed(node.type) else "lshr"
    return w.value(f"{instruction} {type_} {left}, {right}", node.loc)


@prints_expression(WithOverflow)
def print_with_overflow(w: Writer, node: WithOverflow) -> str:
    left, right = w.expression(node.left), w.expression(node.right)
    type_ = register_type(node.left.type)
    pair = w.value(_overflow_call(w, node, left, right, type_), node.loc)
    wrapped = w.value(f"extractvalue {{ {type_}, i1 }} {pair}, 0", node.loc)
    overflowed = w.value(f"extractvalue {{ {type_}, i1 }} {pair}, 1", node.loc)
    result = register_type(node.type)
    flag = w.value(f"insertvalue {result} zeroinitializer, i1 {overflowed}, 0", node.loc)
    return w.value(f"insertvalue {result} {flag}, {type_} {wrapped}, 1", node.loc)


@prints_expression(Unary)
def print_unary(w: Writer, node: Unary) -> str:
    value = w.expression(node.value)
    type_ = register_type(node.value.type)
    match node.op:
        case "not":
            return w.value(f"xor i1 {value}, true", node.loc)
        case "invert":
            return w.value(f"xor {type_} {value}, -1", node.loc)
        case "negate":
            lowest = -(1 << (bits_of(node.type) - 1)) if is_signed(node.type) else 0
            test = "eq" if is_signed(node.type) else "ne"
            w.trap_if(w.value(f"icmp {test} {type_} {value}, {lowest}", node.loc), OVERFLOW["-"], node.loc)
            return w.value(f"sub {type_} 0, {value}", node.loc)
        case "count_ones":
            return _count(w, node, "ctpop", f"{type_} {value}", type_)
        case "leading_zeros":
            return _count(w, node, "ctlz", f"{type_} {value}, i1 false", type_)
        case "trailing_zeros":
            return _count(w, node, "cttz", f"{type_} {value}, i1 false", type_)
        case _:
            raise NotImplementedError(f"unary {node.op}")


def _count(w: Writer, node: Unary, name: str, arguments: str, type_: str) -> str:
    """The count in the type of the node, which may be another integer than the operand's."""
    flag = "" if name == "ctpop" else ", i1"
    w.module.declare(f"declare {type_} @llvm.{name}.{type_}({type_}{flag})")
    count = w.value(f"call {type_} @llvm.{name}.{type_}({arguments})", node.loc)
    return resize(w, count, Int(bits_of(node.value.type)), node.type, node)


@prints_expression(Compare)
def print_compare(w: Writer, node: Compare) -> str:
    left, right = w.expression(node.left), w.expression(node.right)
    condition = CONDITIONS.get(node.op, node.op)
    if is_signed(node.left.type) and node.op in CONDITIONS:
        condition = "s" + condition[1:]
    return w.value(f"icmp {condition} {register_type(node.left.type)} {left}, {right}", node.loc)


@prints_expression(Logic)
def print_logic(w: Writer, node: Logic) -> str:
    left = w.expression(node.left)
    right_label, end = w.label("right"), w.label("end")
    targets = (right_label, end) if node.op == "and" else (end, right_label)
    origin = w.current
    w.terminate(f"br i1 {left}, label %{targets[0]}, label %{targets[1]}", node.loc)
    w.start(right_label)
    right = w.expression(node.right)
    right_end = w.current
    w.join(end, node.loc)
    known = "false" if node.op == "and" else "true"
    return w.value(f"phi i1 [ {known}, %{origin} ], [ {right}, %{right_end} ]", node.loc)


@prints_expression(Choose)
def print_choose(w: Writer, node: Choose) -> str:
    condition = w.expression(node.condition)
    then, otherwise, end = w.label("then"), w.label("else"), w.label("end")
    w.terminate(f"br i1 {condition}, label %{then}, label %{otherwise}", node.loc)
    arms = []
    for label, arm in ((then, node.then), (otherwise, node.otherwise)):
        w.start(label)
        value = w.expression(arm)
        if w.open:
            arms.append(f"[ {value}, %{w.current} ]")
        w.jump(end, node.loc)
    w.start(end)
    return w.value(f"phi {register_type(node.type)} {', '.join(arms)}", node.loc) if arms else "zeroinitializer"


@prints_expression(Convert)
def print_convert(w: Writer, node: Convert) -> str:
    value = w.expression(node.value)
    source, target = node.value.type, node.type
    if isinstance(source, Ptr) or isinstance(target, Ptr):
        if source == target:
            return value
        operation = "ptrtoint" if isinstance(source, Ptr) else "inttoptr"
        return w.value(f"{operation} {register_type(source)} {value} to {register_type(target)}", node.loc)
    if node.check:
        _check_fits(w, node, value)
    if isinstance(target, Bool) and not isinstance(source, Bool):
        return w.value(f"icmp ne {register_type(source)} {value}, 0", node.loc)
    return resize(w, value, source, target, node)


def resize(w: Writer, value: str, source: object, target: object, node: Convert | Unary) -> str:
    """Extends by the source's sign, or drops high bits."""
    assert isinstance(source, Int | Bool) and isinstance(target, Int | Bool)
    before, after = bits_of(source), bits_of(target)
    if before == after:
        return value
    operation = "trunc" if after < before else "sext" if is_signed(source) else "zext"
    return w.value(f"{operation} i{before} {value} to i{after}", node.loc)


def _check_fits(w: Writer, node: Convert, value: str) -> None:
    """Traps unless the number lies in the target's range; prints nothing where it always does."""
    source, target = node.value.type, node.type
    low, high = integer_range(source)
    least, most = integer_range(target)
    type_ = register_type(source)
    compare = "s" if is_signed(source) else "u"
    if low < least:
        w.trap_if(w.value(f"icmp {compare}lt {type_} {value}, {least}", node.loc), FIT, node.loc)
    if high > most:
        w.trap_if(w.value(f"icmp {compare}gt {type_} {value}, {most}", node.loc), FIT, node.loc)


def integer_range(type_: object) -> tuple[int, int]:
    """The least and the greatest number of an integer type or truth value."""
    if isinstance(type_, Int):
        if type_.signed:
            return -(1 << (type_.bits - 1)), (1 << (type_.bits - 1)) - 1
        return 0, (1 << type_.bits) - 1
    assert type_ == BOOL and not isinstance(type_, Aggregate)
    return 0, 1
