"""Bit structs: integers whose bits have names."""

from __future__ import annotations

from typing import Any, ClassVar

from codegen.lang.annotations import Scope, written
from codegen.lang.checks import FIT, named, trap
from codegen.lang.declared import Misdeclared
from codegen.lang.enums import HwEnum, check_repr, member_of
from codegen.lang.ints import Integer, make
from codegen.lang.model import BitField, BitLayout


class Slotted(type):
    """Classes whose instances take no attributes but the declared ones."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        namespace.setdefault("__slots__", ())
        return super().__new__(mcs, name, bases, namespace, **options)


class Range:
    """What `bit` and `bits` give: bits `low` to `high`, both included."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high


def bit(position: int) -> Any:
    """One bit."""
    return Range(position, position)


def bits(low: int, high: int) -> Any:
    """Bits `low` to `high`, both included."""
    return Range(low, high)


class BitStruct(metaclass=Slotted):
    """`class B(BitStruct, repr=u64)`. `B.__bits__` describes it; a value is frozen."""

    __slots__ = ("_value",)
    __bits__: ClassVar[BitLayout]
    _value: int

    def __init_subclass__(cls, *, repr: Any = None) -> None:
        check_repr(cls, repr)
        scope = Scope(2)
        fields: dict[str, BitField] = {}
        for name, annotation in written(cls).items():
            place = cls.__dict__.get(name)
            if type(place) is not Range:
                raise Misdeclared(
                    f"{cls.__name__}.{name} needs a place: bit(n) or bits(low, high)", member=name, part="place"
                )
            field = BitField(name, place.low, place.high, scope.evaluate(annotation, {}))
            check_bits(f"{cls.__name__}.{name}", field, repr, fields)
            fields[name] = field
            setattr(cls, name, BitAccess(field))
        cls.__bits__ = BitLayout(repr, fields)

    def __new__(cls, **values: Any) -> Any:
        """Of field values; what is not named is 0. Traps when a value does not fit its bits."""
        return make(cls, changed(cls, 0, values))

    @classmethod
    def of(cls, value: Any) -> Any:
        """Of an integer of the type's width."""
        if type(value) is not cls.__bits__.repr:
            raise TypeError(f"{cls.__name__}.of takes {cls.__bits__.repr.__name__}, not {named(value)}")
        return make(cls, int(value))

    def replace(self, **values: Any) -> Any:
        """The same but for these fields. Traps when a value does not fit its bits."""
        return make(type(self), changed(type(self), self._value, values))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            raise TypeError(f"operand types of == differ: {named(self)} and {named(other)}")
        return self._value == other._value  # type: ignore[attr-defined, no-any-return]

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        raise TypeError(f"a condition is a bool, not {named(self)}: ask one of its fields")

    def __repr__(self) -> str:
        cls = type(self)
        named_ones = [f"{n}={getattr(self, n)!r}" for n, f in cls.__bits__.fields.items() if raw(self._value, f)]
        return f"{cls.__name__}({', '.join(named_ones)})"

    def __format__(self, spec: str) -> str:
        return format(self._value, spec or "#x")


class BitAccess:
    """Reads one field of a bit struct; on the class it gives the BitField."""

    __slots__ = ("field",)

    def __init__(self, field: BitField) -> None:
        self.field = field

    def __get__(self, instance: BitStruct | None, owner: type) -> Any:
        if instance is None:
            return self.field
        field = self.field
        number = raw(instance._value, field)
        if field.type is bool:
            return bool(number)
        if issubclass(field.type, HwEnum):
            return member_of(field.type, number)
        if field.type.signed and number >> (field.width - 1):
            number -= 1 << field.width
        return make(field.type, number)

    def __set__(self, instance: BitStruct, value: Any) -> None:
        raise TypeError(f"{named(instance)} is frozen: write x = x.replace({self.field.name}=…)")


def raw(value: int, field: BitField) -> int:
    """The field's bits, shifted down."""
    return value >> field.low & ((1 << field.width) - 1)


def changed(cls: type[BitStruct], value: int, fields: dict[str, Any]) -> int:
    """`value` with these fields set."""
    for name, given in fields.items():
        field = cls.__bits__.fields.get(name)
        if field is None:
            raise TypeError(f"{cls.__name__} has no field {name}")
        if type(given) is not field.type:
            raise TypeError(f"{cls.__name__}.{name} is {field.type.__name__}, not {named(given)}")
        number = int(given.value if isinstance(given, HwEnum) else given)
        mask = (1 << field.width) - 1
        signed = issubclass(field.type, Integer) and field.type.signed
        low, high = (-(mask >> 1) - 1, mask >> 1) if signed else (0, mask)
        if not low <= number <= high:
            trap(FIT)
        value = value & ~(mask << field.low) | (number & mask) << field.low
    return value


def check_bits(name: str, field: BitField, repr: Any, others: dict[str, BitField]) -> None:
    """Misdeclared when a field is misplaced or its type cannot hold it."""
    kind = field.type
    if not 0 <= field.low <= field.high < repr.bits:
        raise Misdeclared(
            f"{name}: bits {field.low} to {field.high} are not in {repr.__name__}", member=field.name, part="place"
        )
    for other in others.values():
        if field.low <= other.high and other.low <= field.high:
            raise Misdeclared(
                f"{name}: bits {field.low} to {field.high} overlap {other.name}",
                member=field.name,
                part="place",
                other=other.name,
            )
    if kind is bool:
        room = 1
        if field.width != 1:
            raise Misdeclared(f"{name}: a bool is one bit, not {field.width}", member=field.name)
    elif isinstance(kind, type) and issubclass(kind, Integer):
        room = kind.bits
    elif isinstance(kind, type) and issubclass(kind, HwEnum):
        room = kind.__repr_type__.bits  # type: ignore[attr-defined]
    else:
        raise Misdeclared(
            f"{name}: a bit field is a bool, an integer or an enum, not {named(kind)}", member=field.name, part="type"
        )
    if field.width > room:
        raise Misdeclared(f"{name}: {field.width} bits do not fit {kind.__name__}", member=field.name)
