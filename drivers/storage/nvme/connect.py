"""Interrupts of an NVMe controller: an MSI-X message for each queue's completions."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.msix_driver import MsixFault, msix_set, msix_table
from drivers.storage.nvme.make_queues import vector_of
from drivers.storage.nvme.state import NVME, NvmePhase


@fn(cold=True)
def nvme_connect(controller: u32, queue: u32, address: MessageAddress, data: MessageData) -> bool:
    """Have this message sent when the queue has new completions. False when there is no such
    queue, or no vector for it: then `nvme_collect` is called now and then. Resets do not disconnect it."""
    one = NVME.controllers[controller]
    function = one.function
    if function is None or one.phase == NvmePhase.GONE or queue >= one.queue_count:
        return False
    vector = vector_of(one, queue)
    table = msix_table(function)
    if vector is None or isinstance(table, MsixFault):
        return False
    msix_set(table, u64(vector), address, data)
    return True
