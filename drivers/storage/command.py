"""What disks are asked to do, whatever their driver: the one block interface.

A command is filled in, submitted, and later collected with an outcome; between the two it is the driver's. The data
lies in segments of physical memory, which the device reads or writes itself.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, HwEnum, Span, Struct, count, fn, span, storage_array, u8, u16, u32, u64

SECTOR = 512
COMMANDS_MAX = 64
SEGMENTS_MAX = 32


class BlockOperation(HwEnum, repr=u8):
    """FLUSH has neither sectors nor data; DISCARD and WRITE_ZEROES have no data."""

    READ = 0
    WRITE = 1
    FLUSH = 2  # what was collected as done before this was submitted is durable when this is done
    DISCARD = 3  # the content may be lost
    WRITE_ZEROES = 4


class BlockOutcome(HwEnum, repr=u8, must_use=True):
    """What became of a command. All but DONE: nothing is known of the sectors that it was to write."""

    PENDING = 0
    DONE = 1
    IO_ERROR = 2  # the device says so: trying again does not help
    TIMED_OUT = 3  # the device did not answer until the deadline, and was reset
    RESET = 4  # it was on its way when the device was reset for another's sake: it may be tried again
    GONE = 5  # the device does not answer any more
    REFUSED = 6  # no such sectors, or the device has no such operation

    @fn
    def words(self) -> Span:
        """For people."""
        match self:
            case BlockOutcome.PENDING:
                return span(b"still under way")
            case BlockOutcome.DONE:
                return span(b"done")
            case BlockOutcome.IO_ERROR:
                return span(b"the device reports an error")
            case BlockOutcome.TIMED_OUT:
                return span(b"the device did not answer in time")
            case BlockOutcome.RESET:
                return span(b"the device was reset meanwhile")
            case BlockOutcome.GONE:
                return span(b"the device is gone")
            case BlockOutcome.REFUSED:
                return span(b"the device cannot do that")


class BlockSegment(Struct):
    """`hpa` is a multiple of 4, `bytes` of SECTOR, and not 0; below the disk's `address_limit`."""

    hpa: Field[Hpa]
    bytes: Field[u32]


class BlockCommand(Struct):
    """The segments together have as many bytes as the sectors. Who submits keeps to the disk's limits (disk.py)."""

    operation: Field[BlockOperation]
    outcome: Field[BlockOutcome]
    disk: Field[u16]  # number in DISKS
    sector: Field[u64]  # the first one, in units of SECTOR bytes
    sectors: Field[u32]
    segment_count: Field[u32]
    deadline: Field[u64]  # ns of `moment()`
    owner: Field[u64]  # means something to who submits
    segments: Array[BlockSegment] = count(SEGMENTS_MAX)


COMMANDS = storage_array(BlockCommand, COMMANDS_MAX)
"""Drivers know a command by its number here."""
