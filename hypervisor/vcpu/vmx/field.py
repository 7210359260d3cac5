"""Typed VMCS fields: a declaration makes `read` and `write` of the field's own type (SDM vol. 3C, 25.11.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from codegen.lang import Hpa, fn, u16, u32, u64
from hypervisor.vcpu.vmx.instructions import vmread, vmwrite, vmwrite_surely

V = TypeVar("V")


@dataclass(frozen=True)
class VmcsField(Generic[V]):
    """A field of the current VMCS. `write` traps when the CPU refuses it: a wrong declaration, never a guest's act.
    `write_surely` does not look: for fields of the hot path, which `write` has set when the vCPU was made."""

    encoding: int
    read: Callable[[], V]
    write: Callable[[V], None]
    write_surely: Callable[[V], None]


def field16(encoding: int) -> VmcsField[u16]:
    """A 16-bit field: a selector, a VPID."""
    check(encoding, width=0)

    @fn
    def read() -> u16:
        return u16.trunc(vmread(u64(encoding)))

    @fn
    def write(value: u16) -> None:
        assert vmwrite(u64(encoding), u64(value))

    @fn
    def write_surely(value: u16) -> None:
        vmwrite_surely(u64(encoding), u64(value))

    return VmcsField(encoding, read, write, write_surely)


def field32(encoding: int) -> VmcsField[u32]:
    """A 32-bit field."""
    check(encoding, width=2)

    @fn
    def read() -> u32:
        return u32.trunc(vmread(u64(encoding)))

    @fn
    def write(value: u32) -> None:
        assert vmwrite(u64(encoding), u64(value))

    @fn
    def write_surely(value: u32) -> None:
        vmwrite_surely(u64(encoding), u64(value))

    return VmcsField(encoding, read, write, write_surely)


def field64(encoding: int) -> VmcsField[u64]:
    """A 64-bit field."""
    check(encoding, width=1)
    return full_width(encoding)


def natural(encoding: int) -> VmcsField[u64]:
    """A natural-width field: 64 bits on every processor that we run on."""
    check(encoding, width=3)
    return full_width(encoding)


def full_width(encoding: int) -> VmcsField[u64]:
    """Read and written as it is."""

    @fn
    def read() -> u64:
        return vmread(u64(encoding))

    @fn
    def write(value: u64) -> None:
        assert vmwrite(u64(encoding), value)

    @fn
    def write_surely(value: u64) -> None:
        vmwrite_surely(u64(encoding), value)

    return VmcsField(encoding, read, write, write_surely)


def address64(encoding: int) -> VmcsField[Hpa]:
    """A 64-bit field that holds a host-physical address."""
    check(encoding, width=1)

    @fn
    def read() -> Hpa:
        return Hpa(vmread(u64(encoding)))

    @fn
    def write(value: Hpa) -> None:
        assert vmwrite(u64(encoding), u64(value))

    @fn
    def write_surely(value: Hpa) -> None:
        vmwrite_surely(u64(encoding), u64(value))

    return VmcsField(encoding, read, write, write_surely)


def check(encoding: int, width: int) -> None:
    """Bits 14:13 of an encoding give its width, bit 0 is for the upper half of 64-bit fields."""
    if encoding >> 13 != width or encoding & 1:
        raise ValueError(f"VMCS encoding {encoding:#06x} is not of width {width}")
