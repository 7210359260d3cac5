"""Device registers: blocks of memory-mapped registers and of I/O ports; every access is explicit."""

from __future__ import annotations

from typing import Any, ClassVar

from codegen.lang import host
from codegen.lang.addresses import Hpa
from codegen.lang.annotations import Scope, written
from codegen.lang.bits import Slotted
from codegen.lang.bus import Space
from codegen.lang.cells import RO, WO, Annotated, Place
from codegen.lang.checks import named
from codegen.lang.codecs import codec, nullable
from codegen.lang.declared import Misdeclared
from codegen.lang.ints import u16
from codegen.lang.model import RegisterInfo
from codegen.lang.spans import position


class RegisterCell:
    """A register on its class: `.offset`, `.width`, `.stride` in bytes, `.count`, `.access`, `.type`."""

    def __init__(self, info: RegisterInfo) -> None:
        self.info = info
        self.offset, self.width, self.access, self.type = info.offset, info.width, info.access, info.type
        self.count, self.stride = info.count, info.stride

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        bound = RegArray if self.info.array else Reg
        return bound(self.info, instance.space, instance._base + self.info.offset)

    def __set__(self, instance: Any, value: Any) -> None:
        raise TypeError(f"{named(instance)}.{self.info.name} is a register: call its write")


class Reg:
    """One register of a device."""

    __slots__ = ("_address", "_info", "_space")

    def __init__(self, info: RegisterInfo, space: Space, address: int) -> None:
        self._info = info
        self._space: Space = space
        self._address = address & 0xFFFF if space == "port" else address

    def __class_getitem__(cls, inner: Any) -> Any:
        return Annotated(cls, inner)

    def read(self) -> Any:
        """One access of the declared width. TypeError when the register is write-only."""
        info = self._info
        if info.access == WO:
            raise TypeError(f"register {info.name} is write-only")
        content = host.bus.read(self._space, self._address, info.width).to_bytes(info.width, "little")
        held = codec(info.type)
        return held.value(held.format.unpack(content)[0])

    def write(self, value: Any) -> None:
        """One access of the declared width. TypeError when the register is read-only."""
        info = self._info
        if info.access == RO:
            raise TypeError(f"register {info.name} is read-only")
        number = codec(info.type).number(value) & (1 << 8 * info.width) - 1
        host.bus.write(self._space, self._address, info.width, number)


class RegArray:
    """Registers at one stride; every index is checked."""

    __slots__ = ("_address", "_info", "_space")

    def __init__(self, info: RegisterInfo, space: Space, address: int) -> None:
        self._info = info
        self._space: Space = space
        self._address = address

    def __class_getitem__(cls, inner: Any) -> Any:
        return Annotated(cls, inner)

    def __getitem__(self, index: Any, /) -> Reg:
        return Reg(self._info, self._space, self._address + position(index, self._info.count) * self._info.stride)

    def __len__(self) -> int:
        return self._info.count


class Block(metaclass=Slotted):
    """Base of MmioBlock and PortBlock. `B.__registers__` describes it; `B.block_size` is in bytes (ports)."""

    __slots__ = ("_base",)
    __registers__: ClassVar[dict[str, RegisterInfo]]
    block_size: ClassVar[int]
    space: ClassVar[Space]
    _base: int

    def __init_subclass__(cls, *, size: int | None = None) -> None:
        if size is None:
            if cls.__bases__ == (Block,):
                return
            raise Misdeclared(f"class {cls.__name__} needs size=", help="write `size=` and the block's bytes")
        scope = Scope(2)
        found = {}
        for name, annotation in written(cls).items():
            place = cls.__dict__.get(name)
            if type(place) is not Place or place.offset is None:
                raise Misdeclared(f"{cls.__name__}.{name} needs a place: at(offset)", member=name)
            found[name] = info = register(f"{cls.__name__}.{name}", name, scope.evaluate(annotation, {}), place, size)
            setattr(cls, name, RegisterCell(info))
        cls.__registers__ = found
        cls.block_size = size

    def __new__(cls) -> Any:
        raise TypeError(f"a {cls.__name__} is got by mmio({cls.__name__}, hpa) or ports({cls.__name__}, port)")


class MmioBlock(Block):
    """`class B(MmioBlock, size=…)`: registers in physical memory."""

    space = "mmio"


class PortBlock(Block):
    """`class B(PortBlock, size=…)`: registers behind I/O ports."""

    space = "port"


def register(where: str, name: str, annotation: Any, place: Place, size: int) -> RegisterInfo:
    """One register. Misdeclared when it is misplaced. Two may share an offset, as devices do by access or by bank."""
    if not isinstance(annotation, Annotated) or annotation.cell not in (Reg, RegArray):
        raise Misdeclared(f"{where}: write Reg[…] or RegArray[…]", member=name, part="type")
    array = annotation.cell is RegArray
    if array != (place.count is not None):
        raise Misdeclared(f"{where}: count belongs to RegArray[…], which needs it", member=name)
    if hasattr(annotation.inner, "__layout__") or nullable(annotation.inner) is not None:
        raise Misdeclared(f"{where}: a register holds a value, no reference to a struct", member=name, part="type")
    try:
        width = codec(annotation.inner).size
    except TypeError as error:
        raise Misdeclared(f"{where}: {error}", member=name, part="type") from None
    assert place.offset is not None
    count, stride = place.count or 1, place.stride or width
    if place.offset < 0 or place.offset + (count - 1) * stride + width > size:
        raise Misdeclared(
            f"{where} at {place.offset:#x} is not inside the block of {size:#x} bytes", member=name, part="place"
        )
    return RegisterInfo(name, place.offset, annotation.inner, width, place.access, count, stride, array)  # type: ignore[arg-type]


def mmio(block: Any, hpa: Any) -> Any:
    """The block of registers at this physical address."""
    if type(hpa) is not Hpa or not issubclass(block, MmioBlock):
        raise TypeError(f"mmio takes an MmioBlock and an Hpa, not {named(block)} and {named(hpa)}")
    return placed(block, int(hpa))


def ports(block: Any, port: Any) -> Any:
    """The block of registers at these I/O ports."""
    if type(port) is not u16 or not issubclass(block, PortBlock):
        raise TypeError(f"ports takes a PortBlock and a u16, not {named(block)} and {named(port)}")
    return placed(block, int(port))


def placed(block: Any, base: int) -> Any:
    """An instance; `_base` is a physical address or a port."""
    self = object.__new__(block)
    self._base = base
    return self


def registers(block: Any) -> tuple[RegisterInfo, ...]:
    """All registers of a block in the order of declaration: a device model is a table over them."""
    return tuple(block.__registers__.values())
