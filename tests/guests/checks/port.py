"""IN and OUT, also of strings."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Hva,
    PortBlock,
    Reg,
    Struct,
    address_of,
    at,
    fn,
    intrinsic,
    len,
    ports,
    range,
    span,
    storage,
    u8,
    u16,
    u32,
    u64,
)
from tests.guests.check import check, checks_of
from tests.guests.machine import read_byte, write_byte

UNCLAIMED = 0x2F0
MASTER_MASK = 0x21
STRING = span(b"guest: PASS outs writes a string\r\n")


class WidePort(PortBlock, size=4):
    word: Reg[u16] = at(0)


class WidestPort(PortBlock, size=4):
    double: Reg[u32] = at(0)


class Buffer(Struct, size=64):
    bytes: Array[u8] = at(0, count=64)


BUFFER = storage(Buffer)


@intrinsic("cld; rep insb", "={di},={cx},{dx},0,1,~{memory}")
def read_string(port: u16, into: Hva, count: u64) -> tuple[u64, u64]:
    """REP INSB; the final RDI and RCX."""
    raise NotImplementedError


@intrinsic("cld; rep outsb", "={si},={cx},{dx},0,1,~{memory}")
def write_string(port: u16, source: Hva, count: u64) -> tuple[u64, u64]:
    """REP OUTSB; the final RSI and RCX."""
    raise NotImplementedError


@check
@fn
def a_device_port_reads_what_was_written() -> bool:
    before = read_byte(u16(MASTER_MASK))
    write_byte(u16(MASTER_MASK), u8(0xA5))
    found = read_byte(u16(MASTER_MASK))
    write_byte(u16(MASTER_MASK), before)
    return found == 0xA5


@check
@fn
def an_unclaimed_port_reads_all_ones_in_every_width() -> bool:
    word = ports(WidePort, u16(UNCLAIMED)).word.read()
    double = ports(WidestPort, u16(UNCLAIMED)).double.read()
    return read_byte(u16(UNCLAIMED)) == 0xFF and word == 0xFFFF and double == 0xFFFF_FFFF


@check
@fn
def a_write_to_an_unclaimed_port_is_ignored() -> bool:
    write_byte(u16(UNCLAIMED), u8(0))
    ports(WidestPort, u16(UNCLAIMED)).double.write(u32(0))
    return read_byte(u16(UNCLAIMED)) == 0xFF


@check
@fn
def ins_reads_a_string_and_leaves_the_registers_behind_it() -> bool:
    place = address_of(BUFFER)
    for i in range(u64(8)):
        BUFFER.bytes[i] = 0
    last, left = read_string(u16(MASTER_MASK), place, u64(5))
    mask = read_byte(u16(MASTER_MASK))
    same = True
    for i in range(u64(5)):
        same = same and BUFFER.bytes[i] == mask
    return same and BUFFER.bytes[5] == 0 and last == u64(place) + 5 and left == 0


@check
@fn
def outs_leaves_the_registers_behind_its_string() -> bool:
    last, left = write_string(u16(0x3F8), STRING.address(), u64(len(STRING)))
    return last == u64(STRING.address()) + u64(len(STRING)) and left == 0


CHECKS = checks_of(globals())
