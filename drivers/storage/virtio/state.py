"""What the driver knows of each block device. The device reaches none of it."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, storage, u8, u16, u32, u64
from drivers.storage.command import COMMANDS_MAX
from drivers.virtio.driver_queue import DriverQueue
from drivers.virtio.transport import VirtioTransport

BLOCKS_MAX = 4
QUEUES_MAX = 8
SLOTS_MAX = 64  # of a queue: bits of a u64
if COMMANDS_MAX > 64:
    raise ValueError("a set of commands is a u64")


class BlockQueue(Struct):
    """A queue with its slots. Slot n has the request at `requests` + n * REQUEST_BYTES, and the ring's descriptors from
    n << `shift` on: one when they are indirect, else as many as a chain needs."""

    ring: DriverQueue
    requests: Field[Hpa]
    slots: Field[u64]  # set of those that exist,
    busy: Field[u64]  # and of those that the device has
    ended: Field[u64]  # set of commands with an outcome, to be collected
    shift: Field[u32]
    nonsense: Field[u32]  # heads given back that were not on their way
    commands: Array[u8] = count(SLOTS_MAX)  # of busy slots


class VirtioBlock(Struct):
    """One device."""

    transport: VirtioTransport
    disk: Field[u16]  # number in DISKS
    queue_count: Field[u32]
    discard_max: Field[u32]  # sectors of a command
    zero_max: Field[u32]
    queues: Array[BlockQueue] = count(QUEUES_MAX)


class VirtioBlocks(Struct):
    """All of the machine, in the order in which they were started."""

    block_count: Field[u32]
    blocks: Array[VirtioBlock] = count(BLOCKS_MAX)


BLOCKS = storage(VirtioBlocks)
