"""Integers under CPython: nominal, fixed width, every operator checked; not `int`s, so nothing falls back to one."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from codegen.lang.checks import DIVISION, FIT, OVERFLOW, SHIFT, named, state, trap

_new = object.__new__


class Integer:
    """Base of u8 … usize. `bits`, `signed`, `low` and `high` describe the class."""

    __slots__ = ("_value",)
    bits: ClassVar[int]
    signed: ClassVar[bool]
    low: ClassVar[int]
    high: ClassVar[int]
    mask: ClassVar[int]
    _value: int

    def __init_subclass__(cls, *, bits: int, signed: bool = False) -> None:
        cls.bits, cls.signed, cls.mask = bits, signed, (1 << bits) - 1
        cls.low, cls.high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, cls.mask)

    def __new__(cls, value: Any, /) -> Any:
        """Any integer, enum, bit struct of the same width, bool or address. Traps when the value does not fit."""
        if type(value) is int:
            return make(cls, literal(cls, value))
        number = plain(cls, value)
        if not cls.low <= number <= cls.high:
            trap(FIT)
        return make(cls, number)

    @classmethod
    def trunc(cls, value: Any, /) -> Any:
        """The low bits of any integer, enum, bit struct, bool or address."""
        return wrapped(cls, value if type(value) is int else plain(cls, value, same_width=False))

    # ---- arithmetic: the same type on both sides, or a literal that fits

    def __add__(self, other: Any, /) -> Any:
        cls = type(self)
        result = self._value + (other._value if type(other) is cls else operand(cls, other, "+"))
        return make(cls, result) if cls.low <= result <= cls.high else overflowed(cls, result, "+")

    __radd__ = __add__

    def __sub__(self, other: Any, /) -> Any:
        cls = type(self)
        result = self._value - (other._value if type(other) is cls else operand(cls, other, "-"))
        return make(cls, result) if cls.low <= result <= cls.high else overflowed(cls, result, "-")

    def __rsub__(self, other: Any, /) -> Any:
        cls = type(self)
        result = operand(cls, other, "-") - self._value
        return make(cls, result) if cls.low <= result <= cls.high else overflowed(cls, result, "-")

    def __mul__(self, other: Any, /) -> Any:
        cls = type(self)
        result = self._value * (other._value if type(other) is cls else operand(cls, other, "*"))
        return make(cls, result) if cls.low <= result <= cls.high else overflowed(cls, result, "*")

    __rmul__ = __mul__

    def __floordiv__(self, other: Any, /) -> Any:
        cls = type(self)
        return make(cls, self._value // divisor(cls, operand(cls, other, "//")))

    def __rfloordiv__(self, other: Any, /) -> Any:
        cls = type(self)
        return make(cls, operand(cls, other, "//") // divisor(cls, self._value))

    def __mod__(self, other: Any, /) -> Any:
        cls = type(self)
        return make(cls, self._value % divisor(cls, operand(cls, other, "%")))

    def __rmod__(self, other: Any, /) -> Any:
        cls = type(self)
        return make(cls, operand(cls, other, "%") % divisor(cls, self._value))

    def __neg__(self) -> Any:
        cls = type(self)
        if not cls.signed:
            raise TypeError(f"-x needs a signed type, not {cls.__name__}")
        return make(cls, -self._value) if self._value != cls.low else overflowed(cls, -self._value, "-")

    # ---- bits

    def __and__(self, other: Any, /) -> Any:
        cls = type(self)
        if type(other) is int and other < 0:  # `& ~0xFFF`, the one negative literal
            return make(cls, self._value & negative_mask(cls, other))
        return make(cls, self._value & operand(cls, other, "&"))

    __rand__ = __and__

    def __or__(self, other: Any, /) -> Any:
        cls = type(self)
        return make(cls, self._value | operand(cls, other, "|"))

    __ror__ = __or__

    def __xor__(self, other: Any, /) -> Any:
        cls = type(self)
        return make(cls, self._value ^ operand(cls, other, "^"))

    __rxor__ = __xor__

    def __invert__(self) -> Any:
        return wrapped(type(self), ~self._value)

    def __lshift__(self, amount: Any, /) -> Any:
        cls = type(self)
        return wrapped(cls, self._value << shift_amount(cls, amount))

    def __rshift__(self, amount: Any, /) -> Any:
        cls = type(self)
        return make(cls, self._value >> shift_amount(cls, amount))

    def __rlshift__(self, other: Any, /) -> NoReturn:
        raise TypeError("the left operand of a shift has a type: write u32(1) << n")

    __rrshift__ = __rlshift__

    def rotate_left(self, amount: Any, /) -> Any:
        """By `amount` (an unsigned type or a literal) modulo the width."""
        cls = type(self)
        count = unsigned(amount) % cls.bits
        value = self._value & cls.mask
        return wrapped(cls, value << count | value >> (cls.bits - count))

    def leading_zeros(self) -> Any:
        """Of the integer's own type; the width for 0."""
        cls = type(self)
        return make(cls, cls.bits - (self._value & cls.mask).bit_length())

    def trailing_zeros(self) -> Any:
        """Of the integer's own type; the width for 0."""
        cls = type(self)
        return make(cls, (self._value & -self._value).bit_length() - 1 if self._value else cls.bits)

    def count_ones(self) -> Any:
        """Of the integer's own type."""
        cls = type(self)
        return make(cls, (self._value & cls.mask).bit_count())

    # ---- arithmetic that says what overflow does

    def wrapping_add(self, other: Any, /) -> Any:
        return wrapped(type(self), self._value + operand(type(self), other, "wrapping_add"))

    def wrapping_sub(self, other: Any, /) -> Any:
        return wrapped(type(self), self._value - operand(type(self), other, "wrapping_sub"))

    def wrapping_mul(self, other: Any, /) -> Any:
        return wrapped(type(self), self._value * operand(type(self), other, "wrapping_mul"))

    def checked_add(self, other: Any, /) -> Any:
        return fitting(type(self), self._value + operand(type(self), other, "checked_add"))

    def checked_sub(self, other: Any, /) -> Any:
        return fitting(type(self), self._value - operand(type(self), other, "checked_sub"))

    def checked_mul(self, other: Any, /) -> Any:
        return fitting(type(self), self._value * operand(type(self), other, "checked_mul"))

    def saturating_sub(self, other: Any, /) -> Any:
        cls = type(self)
        difference = self._value - operand(cls, other, "saturating_sub")
        return make(cls, min(max(difference, cls.low), cls.high))

    # ---- comparison

    def __eq__(self, other: object, /) -> bool:
        cls = type(self)
        return self._value == (other._value if type(other) is cls else operand(cls, other, "=="))

    def __ne__(self, other: object, /) -> bool:
        cls = type(self)
        return self._value != (other._value if type(other) is cls else operand(cls, other, "!="))

    def __lt__(self, other: Any, /) -> bool:
        cls = type(self)
        return self._value < (other._value if type(other) is cls else operand(cls, other, "<"))

    def __le__(self, other: Any, /) -> bool:
        cls = type(self)
        return self._value <= (other._value if type(other) is cls else operand(cls, other, "<="))

    def __gt__(self, other: Any, /) -> bool:
        cls = type(self)
        return self._value > (other._value if type(other) is cls else operand(cls, other, ">"))

    def __ge__(self, other: Any, /) -> bool:
        cls = type(self)
        return self._value >= (other._value if type(other) is cls else operand(cls, other, ">="))

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        raise TypeError(f"a condition is a bool, not {named(self)}: compare it")

    # ---- the way out, for build-time Python and host models

    def __index__(self) -> int:
        return self._value

    __int__ = __index__

    def __repr__(self) -> str:
        return f"{named(self)}({self._value})"

    def __str__(self) -> str:
        return str(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value, spec)

    def __reduce__(self) -> Any:
        return type(self), (self._value,)


def make(cls: Any, value: int) -> Any:
    """An instance without checks."""
    self = _new(cls)
    self._value = value
    return self


def literal(cls: Any, value: int) -> int:
    """`value`, a Python integer beside something of type `cls`. TypeError when it does not fit."""
    if cls.low <= value <= cls.high:
        return value
    raise TypeError(f"{value:#x} does not fit {cls.__name__}")


def operand(cls: Any, other: Any, operator: str) -> int:
    """The number of a second operand: of the same type, or a literal."""
    if type(other) is cls:
        return other._value  # type: ignore[no-any-return]
    if type(other) is int:
        return literal(cls, other)
    raise TypeError(f"operand types of {operator} differ: {cls.__name__} and {named(other)} (write a conversion)")


def plain(cls: Any, value: Any, same_width: bool = True) -> int:
    """The number that a conversion to `cls` starts from."""
    kind = type(value)
    if issubclass(kind, Integer) or kind is bool or getattr(kind, "is_address", False):
        return int(value)
    bits = getattr(kind, "__bits__", None)
    if bits is not None:
        if same_width and bits.repr.bits != cls.bits:
            raise TypeError(f"{cls.__name__}(…) of {kind.__name__}, which is {bits.repr.bits} bits wide")
        return value._value  # type: ignore[no-any-return]
    if hasattr(kind, "__repr_type__"):
        return value.value  # type: ignore[no-any-return]
    raise TypeError(f"{cls.__name__}(…) converts integers, enums, bit structs, bools and addresses, not {named(value)}")


def wrapped(cls: Any, value: int) -> Any:
    """`value` modulo the width."""
    value &= cls.mask
    return make(cls, value - cls.mask - 1 if value > cls.high else value)


def overflowed(cls: Any, value: int, operator: str) -> Any:
    """What an operator does with a result out of range: trap, or wrap in unchecked bodies."""
    if state.unchecked:
        return wrapped(cls, value)
    trap(OVERFLOW[operator])


def fitting(cls: Any, value: int) -> Any:
    """`value`, or None when it is out of range."""
    return make(cls, value) if cls.low <= value <= cls.high else None


def divisor(cls: Any, value: int) -> int:
    """`value` when it may divide."""
    if cls.signed:
        raise TypeError(f"// and % are for unsigned types, not {cls.__name__}")
    if value == 0:
        trap(DIVISION)
    return value


def unsigned(amount: Any) -> int:
    """The number of a literal or of any unsigned type."""
    kind = type(amount)
    if kind is int and amount >= 0 or issubclass(kind, Integer) and not kind.signed:
        return int(amount)
    raise TypeError(f"an amount is of an unsigned type or a literal, not {named(amount)}")


def shift_amount(cls: Any, amount: Any) -> int:
    """Below the width; masked in unchecked bodies."""
    count = unsigned(amount)
    if count < cls.bits:
        return count
    if type(amount) is int:
        raise TypeError(f"{cls.__name__} cannot be shifted by {amount}")
    if state.unchecked:
        return count & (cls.bits - 1)  # type: ignore[no-any-return]
    trap(SHIFT)


def negative_mask(cls: Any, value: int) -> int:
    """The bits of `~0xFFF` in the width of `cls`."""
    if value < -cls.mask - 1:
        raise TypeError(f"{value:#x} does not fit {cls.__name__}")
    return value if cls.signed and value >= cls.low else value & cls.mask  # type: ignore[no-any-return]


class u8(Integer, bits=8):
    __slots__ = ()


class u16(Integer, bits=16):
    __slots__ = ()


class u32(Integer, bits=32):
    __slots__ = ()


class u64(Integer, bits=64):
    __slots__ = ()


class i8(Integer, bits=8, signed=True):
    __slots__ = ()


class i16(Integer, bits=16, signed=True):
    __slots__ = ()


class i32(Integer, bits=32, signed=True):
    __slots__ = ()


class i64(Integer, bits=64, signed=True):
    __slots__ = ()


class usize(Integer, bits=64):
    """64 bits wide on the host, as in the image."""

    __slots__ = ()
