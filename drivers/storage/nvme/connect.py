"""Interrupts of an NVMe controller: an MSI-X message for each queue's completions."""

from __future__ import annotations

from codegen.lang import fn, min, u32, u64
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.msix_driver import MsixFault, msix_set, msix_table
from drivers.storage.nvme.state import NVME, NvmePhase


@fn(cold=True)
def nvme_connect(controller: u32, queue: u32, address: MessageAddress, data: MessageData) -> bool:
    """Have this message sent when the queue has new completions; for queue 0 also at some steps of a reset. False when
    there is no such queue, or no MSI-X: then `nvme_collect` is called now and then. Resets do not disconnect it."""
    one = NVME.controllers[controller]
    function = one.function
    if function is None or one.phase == NvmePhase.GONE or queue >= min(one.queue_count, one.vectors):
        return False
    table = msix_table(function)
    if isinstance(table, MsixFault):
        return False
    msix_set(table, u64(queue), address, data)  # vector 0 is the admin queue's too
    return True
