"""A queue's rings: what goes in, and what the controller is told (NVM Express base 1.4, chapters 4.1 and 4.2)."""

from __future__ import annotations

from codegen.lang import fn, mmio, phys, u8, u32, u64
from drivers.storage.nvme.queue_entries import NvmeCommand, NvmeCommandHead, NvmeOpcode
from drivers.storage.nvme.registers import NvmeDoorbell
from drivers.storage.nvme.state import SLOTS, NvmeQueue

ID_MASK = 0x7FFF  # FFFFh is no command's


@fn
def next_entry(queue: NvmeQueue) -> NvmeCommand:
    """Where the next command goes. There is always room: slots are half as many as entries."""
    return phys(NvmeCommand, queue.submissions + u64(queue.tail) * 64)


@fn
def send(queue: NvmeQueue, entry: NvmeCommand, slot: u32, opcode: NvmeOpcode, namespace: u32) -> None:
    """The next entry is filled in: it gets its ID, of which no other recent command of the slot had the same."""
    id = (queue.ids[slot] + SLOTS) & ID_MASK
    queue.ids[slot] = id
    entry.head = NvmeCommandHead(opcode=u8(opcode), id=id, namespace=namespace)
    queue.tail = queue.tail.wrapping_add(1) & queue.mask
    mmio(NvmeDoorbell, queue.tail_doorbell).index.write(queue.tail)


@fn
def tell_taken(queue: NvmeQueue) -> None:
    """The controller may fill the completions that were taken anew."""
    queue.untold = 0
    mmio(NvmeDoorbell, queue.head_doorbell).index.write(queue.head)
