"""The bytes of the instruction at the guest's RIP, copied once."""

from __future__ import annotations

from codegen.lang import Array, Field, Local, Struct, at, count, fn, overlay, u8, u32, u64
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import read_u8, read_u64
from hypervisor.vcpu.contract import vcpu_cpl, vcpu_efer, vcpu_read_segment, vcpu_rip
from hypervisor.vcpu.linear import Access, translate_linear
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu

LENGTH_MAX = 15  # SDM vol. 2A, 2.3.11
EFER_LMA = 1 << 10
PAGE = 4096


class SnapshotWords(Struct, size=16, align=1):
    """The first bytes of a snapshot as two words."""

    low: Field[u64] = at(0)
    high: Field[u64] = at(8)


class Snapshot(Struct):
    """Up to 15 bytes, how many could be read, and the mode that gives them their meaning."""

    bytes: Array[u8] = count(16)
    count: Field[u32]
    position: Field[u32]
    overrun: Field[bool]  # a byte past `count` was asked for
    long: Field[bool]  # 64-bit mode
    default_32: Field[bool]  # CS.D

    @fn
    def next(self) -> u8:
        """The next byte; 0 and `overrun` past the end."""
        if self.position >= self.count:
            self.overrun = True
            return u8(0)
        value = self.bytes[self.position]
        self.position = self.position + 1
        return value

    @fn
    def peek(self) -> u8:
        """The next byte without taking it; 0 past the end."""
        if self.position >= self.count:
            return u8(0)
        return self.bytes[self.position]

    @fn
    def skip(self, bytes: u32) -> None:
        """Leave out a displacement."""
        if bytes > self.count - self.position:
            self.overrun = True
            self.position = self.count
            return
        self.position = self.position + bytes

    @fn
    def immediate(self, bytes: u32) -> u64:
        """A little-endian immediate of 1, 2 or 4 bytes, sign-extended to 64 bits."""
        value = u64(0)
        shift = u32(0)
        while shift < bytes * 8:
            value = value | u64(self.next()) << shift
            shift = shift + 8
        sign = u64(1) << (shift - 1)
        return (value ^ sign).wrapping_sub(sign)


@fn
def is_long_mode(vcpu: Vcpu, code: Segment) -> bool:
    """Whether CS says 64-bit mode (SDM vol. 3A, 5.2.1)."""
    return code.rights.long and vcpu_efer(vcpu) & EFER_LMA != 0


@fn(inline=True)
def first_bytes(vcpu: Vcpu, code: Segment, long: bool) -> u64 | None:
    """The eight bytes at the guest's RIP, the first one lowest, with CS in `code`. None when they are not all in one
    page of RAM, or when that page is unreachable: then only a snapshot tells how many there are."""
    start = vcpu_rip(vcpu)
    if not long:
        start = start.wrapping_add(code.base) & 0xFFFF_FFFF
    if start & (PAGE - 1) > PAGE - 8:
        return None
    gpa = translate_linear(vcpu, start, Access(fetch=True, user=vcpu_cpl(vcpu) == 3))
    if isinstance(gpa, Fault):
        return None
    word = read_u64(vcpu.vm.memory, gpa)
    if isinstance(word, Fault):
        return None
    return word


@fn
def take_snapshot(vcpu: Vcpu, into: Snapshot) -> Fault | None:
    """Copy the instruction's bytes, page by page; fewer than 15 when the next page is not there. A fault only when the
    very first byte is unreachable (the guest changed its tables since the exit)."""
    segment = into_segment(vcpu, into)
    start = segment.wrapping_add(vcpu_rip(vcpu))
    if not into.long:
        start = start & 0xFFFF_FFFF
    fetch = Access(fetch=True, user=vcpu_cpl(vcpu) == 3)
    page = translate_linear(vcpu, start, fetch)
    if isinstance(page, Fault):
        return page
    low = read_u64(vcpu.vm.memory, page)
    if not isinstance(low, Fault) and start & (PAGE - 1) <= PAGE - 16:
        high = read_u64(vcpu.vm.memory, page + 8)
        if not isinstance(high, Fault):
            words = overlay(SnapshotWords, into.bytes)
            words.low = low
            words.high = high
            into.count = LENGTH_MAX
            return None
    return take_by_byte(vcpu, into, start, fetch)


@fn(noinline=True)
def take_by_byte(vcpu: Vcpu, into: Snapshot, start: u64, fetch: Access) -> Fault | None:
    """The slow way, for instructions near the end of a page or of memory."""
    i = u32(0)
    while i < LENGTH_MAX:
        address = start.wrapping_add(u64(i))
        gpa = translate_linear(vcpu, address if into.long else address & 0xFFFF_FFFF, fetch)
        if isinstance(gpa, Fault):
            return gpa if i == 0 else None
        byte = read_u8(vcpu.vm.memory, gpa)
        if isinstance(byte, Fault):
            return byte if i == 0 else None
        into.bytes[i] = byte
        i = i + 1
        into.count = i
    return None


@fn
def into_segment(vcpu: Vcpu, into: Snapshot) -> u64:
    """Set the mode from CS; its base (0 in 64-bit mode)."""
    code = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, code)
    into.long = is_long_mode(vcpu, code)
    into.default_32 = code.rights.default_32
    return u64(0) if into.long else code.base
