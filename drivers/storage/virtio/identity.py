"""Which disk it is: a request at the start, whose answer is waited for."""

from __future__ import annotations

from codegen.lang import fn, len, pause, phys, range, span, u8, u16, u32, u64
from drivers.host import moment
from drivers.storage.disk import Disk, printable
from drivers.storage.fault import StorageFault
from drivers.storage.virtio.request import ANSWER_AT, Answer, request_close, request_open
from drivers.storage.virtio.state import VirtioBlock
from drivers.virtio.block import ID_BYTES, BlockRequest, BlockStatus
from drivers.virtio.driver_queue import put_descriptor, queue_is_idle, queue_offer, queue_table, queue_take
from drivers.virtio.ring import DescriptorFlags
from drivers.virtio.transport import PATIENCE

MODEL = span(b"virtio block device")


@fn(cold=True)
def read_serial(block: VirtioBlock, disk: Disk) -> StorageFault | None:
    """Ask for the disk's serial number, by the first slot of queue 0; one without is none the worse (5.2.6.1)."""
    for i in range(len(MODEL)):
        disk.model[i] = MODEL[i]
    lane = block.queues[0]
    request = lane.requests
    table = queue_table(lane.ring)
    request_open(request, BlockRequest.GET_ID, u64(0), table, u16(0))
    place = u64(request) + ANSWER_AT + Answer.id.offset
    put_descriptor(table, u64(1), place, u32(ID_BYTES), DescriptorFlags(next=True, write=True), u16(2))
    request_close(request, table, u16(2))
    queue_offer(lane.ring, u16(0))
    start = moment()
    while queue_is_idle(lane.ring):
        if moment() - start > PATIENCE:
            return StorageFault.TIMED_OUT
        pause()
    if queue_take(lane.ring) != 0:
        return StorageFault.FAILED
    answer = phys(Answer, request + ANSWER_AT)
    if answer.status != u8(BlockStatus.OK):
        return None
    for i in range(ID_BYTES):
        byte = answer.id[i]
        if byte == 0:
            break
        disk.serial[i] = printable(byte)
    return None
