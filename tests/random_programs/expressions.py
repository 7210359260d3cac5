"""Random expressions of a wanted type; numbers come with the range that they surely lie in, so that few checks fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.random_programs.kinds import (
    BOOL,
    INTEGERS,
    SPAN,
    U8,
    U32,
    U64,
    UNSIGNED,
    USIZE,
    AddressKind,
    BitsKind,
    BoolKind,
    Cell,
    EnumKind,
    IntKind,
    Kind,
    OptionKind,
    ResultKind,
    SpanKind,
    StructKind,
    TupleKind,
)
from tests.random_programs.places import Number, Places


@dataclass
class Expressions(Places):
    """Makes expressions inside one function."""

    # ---- any kind

    def value(self, kind: Kind, depth: int = 2) -> str:
        """An expression of this kind."""
        match kind:
            case IntKind():
                return self.number(kind, depth).text
            case BoolKind():
                return self.truth(depth)
            case EnumKind():
                return self.member(kind, depth)
            case BitsKind():
                return self.bit_struct(kind, depth)
            case AddressKind():
                return self.address(kind, depth)
            case SpanKind():
                return self.span(depth)[0]
            case StructKind():
                return self.reference(kind)
            case OptionKind() | ResultKind():
                return self.union(kind, depth)
            case TupleKind():
                found = self.from_elsewhere(kind, depth)
                return found or f"({', '.join(self.value(item, depth - 1) for item in kind.items)})"

    def from_elsewhere(self, kind: Kind, depth: int) -> str | None:
        """A local, a cell in memory, a register, a call or an arm of two; None when there is none of this kind."""
        sources: list[Callable[[], str | None]] = [lambda: self.local(kind), lambda: self.local(kind)]
        if depth > 0:
            sources += [
                lambda: self.cell(kind),
                lambda: self.cell(kind),
                lambda: self.call_of(kind),
                lambda: self.register_read(kind),
                lambda: self.bit_field(kind, depth),
                lambda: self.arm(kind, depth),
            ]
        self.rng.shuffle(sources)
        for source in sources[:4]:
            found = source()
            if found is not None:
                return found
        return None

    def local(self, kind: Kind) -> str | None:
        known = self.visible(kind)
        return self.rng.choice(known).name if known else None

    def arm(self, kind: Kind, depth: int) -> str | None:
        if isinstance(kind, TupleKind) or not self.likely(0.3):
            return None
        # Two arms of None have no type.
        first = self.value(kind.item if isinstance(kind, OptionKind) else kind, depth - 1)
        second = self.value(kind, depth - 1)
        return f"({first} if {self.truth(depth - 1)} else {second})"

    # ---- integers

    def number(self, kind: IntKind, depth: int) -> Number:
        """An integer of this kind."""
        if depth <= 0 or self.likely(0.2):
            return self.leaf(kind)
        makers = [
            self.sum, self.sum, self.difference, self.product, self.bitwise, self.bitwise, self.shift, self.conversion,
            self.conversion, self.explicit, self.counted, self.elsewhere, self.elsewhere, self.elsewhere,
            self.extreme, self.negative if kind.signed else self.quotient, self.measured,
        ]  # fmt: skip
        return self.rng.choice(makers)(kind, depth - 1)

    def whole(self, kind: IntKind, text: str) -> Number:
        return Number(text, kind.low, kind.high)

    def literal(self, kind: IntKind) -> int:
        """A number of this kind, likely near an edge."""
        edges = (kind.low, kind.low + 1, kind.high, kind.high - 1, kind.high // 2 + 1, 0, 1, 2)
        small = self.rng.randint(0, min(40, kind.high))
        return self.rng.choice((small, small, self.rng.choice(edges), self.rng.randint(kind.low, kind.high)))

    def constant(self, kind: IntKind) -> Number:
        value = self.literal(kind)
        return Number(f"{kind}({value})", value, value)

    def leaf(self, kind: IntKind) -> Number:
        known = self.visible(kind)
        if known and self.likely(0.75):
            local = self.rng.choice(known)
            return Number(local.name, local.low, local.high)
        others = [each for each in self.locals if isinstance(each.kind, IntKind)]
        if others and self.likely(0.6):
            return self.whole(kind, f"{kind}.trunc({self.rng.choice(others).name})")
        return self.constant(kind)

    def elsewhere(self, kind: IntKind, depth: int) -> Number:
        return self.whole(kind, found) if (found := self.from_elsewhere(kind, depth)) else self.leaf(kind)

    def fitted(self, kind: IntKind, number: Number, low: int, high: int) -> Number:
        """The number brought between `low` (at most 0) and `high` (at least 0)."""
        if low <= number.low and number.high <= high:
            return number
        if not kind.signed and self.likely(0.4) and high < kind.high:
            return Number(f"({number.text} % {high + 1})", 0, high)
        if self.likely(0.2):
            return Number(f"max(min({number.text}, {high}), {low})", low, high)
        mask = (1 << (high + 1).bit_length() - 1) - 1
        return Number(f"({number.text} & {mask:#x})", 0, mask)

    def operands(self, kind: IntKind, depth: int) -> tuple[Number, Number, str]:
        """Two numbers of the kind, and the text of the right one, which may be an untyped literal."""
        left, right = self.number(kind, depth), self.number(kind, depth)
        if self.likely(0.3):
            value = self.literal(kind)
            return left, Number(str(value), value, value), ""
        return left, right, right.text

    def infix(self, left: str, sign: str, right: str) -> str:
        return f"({left}{self.broken()}{sign} {right})"

    def checked(self, kind: IntKind, sign: str, name: str, depth: int, combine: Callable[[int, int], int]) -> Number:
        """`+`, `-` or `*`, plain where the result surely fits, else with smaller operands or as a wrapping form."""
        left, right, _ = self.operands(kind, depth)
        literal = not right.text.startswith("(") and right.text.lstrip("-").isdigit()
        for _ in range(2):
            corners = [combine(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
            if kind.low <= min(corners) and max(corners) <= kind.high:
                return Number(self.infix(left.text, sign, right.text), min(corners), max(corners))
            if self.risky() or self.risky():
                edge = self.rng.choice((left.text, f"{kind}({self.rng.choice((kind.low, kind.high, kind.high - 1))})"))
                return self.whole(kind, self.infix(edge, sign, right.text))
            if self.likely(0.5) or name == "sub" and not kind.signed:
                break
            room = (1 << kind.bits // 2 - 1) - 1
            left = self.fitted(kind, left, -room if kind.signed else 0, room)
            if literal:
                right = self.fitted(kind, self.leaf(kind), 0, room)
                literal = False
            else:
                right = self.fitted(kind, right, -room if kind.signed else 0, room)
        return self.whole(kind, f"{left.text}.wrapping_{name}({right.text})")

    def sum(self, kind: IntKind, depth: int) -> Number:
        return self.checked(kind, "+", "add", depth, lambda a, b: a + b)

    def difference(self, kind: IntKind, depth: int) -> Number:
        return self.checked(kind, "-", "sub", depth, lambda a, b: a - b)

    def product(self, kind: IntKind, depth: int) -> Number:
        return self.checked(kind, "*", "mul", depth, lambda a, b: a * b)

    def quotient(self, kind: IntKind, depth: int) -> Number:
        left, right, _ = self.operands(kind, depth)
        sign = self.rng.choice(("//", "%"))
        if right.text == "0" or right.low == 0 and not self.risky():
            right = Number(f"({right.text if right.text != '0' else left.text} | 1)", 1, kind.high)
        text = self.infix(left.text, sign, right.text)
        return Number(text, 0, left.high if sign == "//" else min(left.high, max(right.high - 1, 0)))

    def negative(self, kind: IntKind, depth: int) -> Number:
        number = self.number(kind, depth)
        if number.low == kind.low and not self.risky():
            number = self.fitted(kind, number, -kind.high, kind.high)
        low = max(number.low, -kind.high)
        return Number(f"(-{number.text})", -number.high, -low)

    def bitwise(self, kind: IntKind, depth: int) -> Number:
        left, right, _ = self.operands(kind, depth)
        sign = self.rng.choice(("&", "|", "^", "~", "~&"))
        if sign == "~":
            return self.whole(kind, f"(~{left.text})")
        if sign == "~&":
            return self.whole(kind, f"({left.text} & ~{self.rng.choice((0x7, 0xF, 0x3F))})")
        if sign == "&" and right.low == right.high >= 0:
            return Number(self.infix(left.text, sign, right.text), 0, right.high)
        return self.whole(kind, self.infix(left.text, sign, right.text))

    def shift(self, kind: IntKind, depth: int) -> Number:
        value = self.number(kind, depth)
        sign = self.rng.choice(("<<", ">>"))
        if self.likely(0.35):
            return self.whole(kind, self.infix(value.text, sign, str(self.rng.randrange(kind.bits))))
        other = self.rng.choice(UNSIGNED)
        amount = self.number(other, depth)
        if self.likely(0.05):
            amount = self.fitted(other, amount, 0, kind.bits)
        elif not self.risky():
            amount = self.fitted(other, amount, 0, kind.bits - 1)
        return self.whole(kind, self.infix(value.text, sign, amount.text))

    def conversion(self, kind: IntKind, depth: int) -> Number:
        """From another integer, a bool, an enum, a bit struct or an address."""
        other = self.rng.choice((*INTEGERS, *INTEGERS, BOOL, *self.world.enums, *self.world.bit_structs, "address"))
        if isinstance(other, IntKind):
            number = self.number(other, depth)
            low, high = max(kind.low, number.low), min(kind.high, number.high)
            if self.likely(0.4):
                text = f"{kind}.trunc({number.text})"
                fits = low <= number.low and number.high <= high
                return Number(text, number.low, number.high) if fits else self.whole(kind, text)
            if not self.risky():
                number = self.fitted(other, number, max(kind.low, other.low), min(kind.high, other.high))
            return Number(f"{kind}({number.text})", max(kind.low, number.low), min(kind.high, number.high))
        if isinstance(other, BoolKind):
            return Number(f"{kind}({self.truth(depth)})", 0, 1)
        if isinstance(other, EnumKind):
            values = [value for _, value in other.members]
            if kind.low <= min(values) and max(values) <= kind.high or self.risky():
                return self.whole(kind, f"{kind}({self.member(other, depth)})")
            return self.whole(kind, f"{kind}.trunc({self.member(other, depth)})")
        if isinstance(other, BitsKind):
            exact = other.repr == kind
            return self.whole(kind, f"{kind}{'' if exact else '.trunc'}({self.bit_struct(other, depth)})")
        kinds = [each for each in (AddressKind("Gpa"), AddressKind("Hva"))]
        text = self.address(self.rng.choice(kinds), depth)
        return self.whole(kind, f"{kind}({text})" if kind in (U64, USIZE) else f"{kind}.trunc({text})")

    def explicit(self, kind: IntKind, depth: int) -> Number:
        """The forms that say what overflow does."""
        left, right, _ = self.operands(kind, depth)
        name = self.rng.choice(("wrapping_add", "wrapping_sub", "wrapping_mul", "saturating_sub", "saturating_sub"))
        return self.whole(kind, f"{left.text}.{name}({right.text})")

    def counted(self, kind: IntKind, depth: int) -> Number:
        value = self.number(kind, depth).text
        if self.likely(0.4):
            return self.whole(kind, f"{value}.rotate_left({self.number(self.rng.choice(UNSIGNED), depth).text})")
        name = self.rng.choice(("leading_zeros", "trailing_zeros", "count_ones"))
        return Number(f"{value}.{name}()", 0, kind.bits)

    def extreme(self, kind: IntKind, depth: int) -> Number:
        left, right, _ = self.operands(kind, depth)
        name = self.rng.choice(("min", "max"))
        choose = min if name == "min" else max
        return Number(f"{name}({left.text}, {right.text})", choose(left.low, right.low), choose(left.high, right.high))

    def measured(self, kind: IntKind, depth: int) -> Number:
        """Of a span: its length or a byte; of addresses: a distance."""
        if kind == USIZE:
            text, length = self.span(depth)
            return Number(f"len({text})", length, length)
        if kind == U8:
            text, length = self.span(depth)
            return self.whole(kind, f"{text}[{self.index(length)}]") if length else self.leaf(kind)
        if kind == U64 and self.likely(0.5):
            address = AddressKind("Gpa")
            left, right = self.address(address, depth), self.address(address, depth)
            if self.risky():
                return self.whole(kind, f"({left} - {right})")
            return self.whole(kind, f"u64({left})")
        return self.elsewhere(kind, depth)

    # ---- bits, enums, addresses, spans, unions

    def bit_field(self, kind: Kind, depth: int) -> str | None:
        choices = [(bits, each) for bits in self.world.bit_structs for each in bits.fields if each.kind == kind]
        if not choices:
            return None
        bits, each = self.rng.choice(choices)
        if isinstance(kind, EnumKind) and not self.risky():
            return None
        return f"{self.bit_struct(bits, depth - 1)}.{each.name}"

    def bit_struct(self, kind: BitsKind, depth: int) -> str:
        if depth <= 0 or self.likely(0.4):
            found = self.local(kind)
            return found or f"{kind}.of({self.number(kind.repr, 0).text})"
        if self.likely(0.3):
            return self.from_elsewhere(kind, depth) or f"{kind}()"
        if self.likely(0.3):
            return f"{kind}.of({self.number(kind.repr, depth - 1).text})"
        chosen = self.rng.sample(kind.fields, self.rng.randint(1, len(kind.fields)))
        settings = ", ".join(f"{each.name}={self.bits_value(each.kind, each.high - each.low + 1)}" for each in chosen)
        before = f"{self.bit_struct(kind, depth - 1)}.replace" if self.likely(0.5) else f"{kind}"
        return f"{before}({settings})"

    def bits_value(self, kind: Kind, width: int) -> str:
        """A value for a field of so many bits."""
        if isinstance(kind, EnumKind):
            fitting = [name for name, value in kind.members if 0 <= value < 1 << width]
            return f"{kind}.{self.rng.choice(fitting)}" if fitting else f"{kind}.{kind.members[0][0]}"
        if not isinstance(kind, IntKind):
            return self.truth(1)
        high = (1 << width - int(kind.signed)) - 1
        known = self.visible(kind)
        if known and self.risky():  # only locals: a constant that does not fit is no program
            return self.rng.choice(known).name
        return self.fitted(kind, self.number(kind, 1), -high - 1 if kind.signed else 0, high).text

    def member(self, kind: EnumKind, depth: int) -> str:
        if self.likely(0.35):
            found = self.from_elsewhere(kind, depth)
            if found is not None:
                return found
        if self.risky():
            return f"{kind}.checked({self.number(kind.repr, 1).text})"
        return f"{kind}.{self.rng.choice(kind.members)[0]}"

    def address(self, kind: AddressKind, depth: int) -> str:
        if depth <= 0 or self.likely(0.4):
            return self.from_elsewhere(kind, depth) or f"{kind}({self.literal(U64)})"
        if self.likely(0.4):
            return f"{kind}({self.number(U64, depth - 1).text})"
        amount = self.fitted(U64, self.number(U64, depth - 1), 0, 0xFFF).text
        below = f"({self.address(kind, depth - 1)} & {self.rng.choice(('~0xFFF', '0xFFFF_FFFF', '~0x7'))})"
        if self.likely(0.4) and not self.risky():
            return below
        if below.endswith("0xFFFF_FFFF)") or self.risky():
            return f"({below} {self.rng.choice('+-' if self.risky() else '+')} {amount})"
        return below

    def span(self, depth: int, writable: bool = False) -> tuple[str, int]:
        """A span and the length that it surely has."""
        known = [each for each in self.visible(SPAN) if not writable]
        if known and self.likely(0.4):
            local = self.rng.choice(known)
            return local.name, local.low
        text, length, _ = self.rng.choice([each for each in self.world.spans if each[2] or not writable])
        if self.likely(0.5) and length > 1:
            start = self.rng.randint(0, length - 1)
            size = self.rng.randint(1, length - start)
            first = self.fitted(U32, self.number(U32, 1), 0, start).text if self.likely(0.3) else str(start)
            if self.risky():
                return f"{text}.slice({first}, {self.number(U32, 1).text})", 1
            return f"{text}.slice({first}, {size})", size
        return text, length

    def union(self, kind: OptionKind | ResultKind, depth: int) -> str:
        found = self.from_elsewhere(kind, depth) if self.likely(0.5) else None
        if found is not None:
            return found
        if isinstance(kind, ResultKind):
            return self.value(kind.item if self.likely(0.6) else kind.error, depth)
        if isinstance(kind.item, IntKind) and self.likely(0.5) and depth > 0:
            left, right, _ = self.operands(kind.item, depth - 1)
            return f"{left.text}.checked_{self.rng.choice(('add', 'sub', 'mul'))}({right.text})"
        if isinstance(kind.item, EnumKind) and self.likely(0.5):
            return f"{kind.item}.find({self.number(kind.item.repr, depth - 1).text})"
        return self.value(kind.item, depth) if self.likely(0.75) else "None"

    # ---- conditions

    def truth(self, depth: int) -> str:
        if depth <= 0:
            return self.local(BOOL) or self.rng.choice(("True", "False"))
        rng = self.rng
        choice = rng.randrange(10)
        if choice < 4:
            return self.comparison(depth - 1)
        if choice < 6:
            sign = rng.choice(("and", "or"))
            return f"({self.truth(depth - 1)}{self.broken()}{sign} {self.truth(depth - 1)})"
        if choice == 6:
            return f"(not {self.truth(depth - 1)})"
        if choice == 7:
            found = [each for each in self.cells_of_atomics()]
            if found:
                outer, cell = rng.choice(found)
                expected, new = self.value(cell.kind, 1), self.value(cell.kind, 1)
                return f"{self.reference(outer)}.{cell.name}.compare_exchange({expected}, {new})"
            return f"{self.span(1)[0]}.equals({self.span(1)[0]})"
        if choice == 8 and self.likely(0.5):
            text, length, _ = rng.choice(self.world.spans)
            size = rng.randint(1, 3)
            first, second = (rng.randint(0, length - size) for _ in range(2))
            return f"{text}.slice({first}, {size}).equals({text}.slice({second}, {size}))"
        return self.from_elsewhere(BOOL, depth) or self.comparison(depth - 1)

    def cells_of_atomics(self) -> list[tuple[StructKind, Cell]]:
        return [(outer, cell) for outer in self.structs() for cell in outer.cells if cell.form == "atomic"]

    def comparison(self, depth: int) -> str:
        rng = self.rng
        kinds: list[Kind | str] = [*INTEGERS, *INTEGERS, *self.world.enums, *self.world.bit_structs]
        kind = rng.choice([*kinds, AddressKind("Gpa"), "is"])
        if isinstance(kind, IntKind):
            left, right, _ = self.operands(kind, depth)
            sign = rng.choice(("==", "!=", "<", "<=", ">", ">="))
            if self.likely(0.15):
                third = self.number(kind, depth).text
                return f"({right.text} {rng.choice(('<', '<='))} {left.text}{self.broken()}{sign} {third})"
            return f"({left.text}{self.broken()}{sign} {right.text})"
        if isinstance(kind, str):
            struct = rng.choice([each for each in self.structs() if not each.packed])
            return f"({self.reference(struct)} {rng.choice(('is', 'is not'))} {self.reference(struct)})"
        signs = ("==", "!=", "<", ">=") if isinstance(kind, AddressKind) else ("==", "!=")
        return f"({self.value(kind, depth)} {rng.choice(signs)} {self.value(kind, depth)})"
