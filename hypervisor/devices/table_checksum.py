"""The checksum by which firmware tables are recognized: all bytes of a table sum to 0 modulo 256."""

from __future__ import annotations

from codegen.lang import Gpa, fn, range, u8, u32, u64
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import GuestMemory, read_u8, write_u8


@fn(cold=True)
def seal_table(memory: GuestMemory, table: Gpa, length: u32, checksum: u32) -> Fault | None:
    """Make the sum of the table's `length` bytes 0 by its byte at offset `checksum`, which is 0 so far."""
    total = u8(0)
    for i in range(length):
        byte = read_u8(memory, table + u64(i))
        if isinstance(byte, Fault):
            return byte
        total = total.wrapping_add(byte)
    return write_u8(memory, table + u64(checksum), u8(0).wrapping_sub(total))
