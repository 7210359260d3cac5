"""Asking a controller that runs what it is, while nothing else happens (NVM Express base 1.4, chapter 5.15)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, pause, u32, u64
from drivers.host import moment
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.admin import admin_answer, admin_submit
from drivers.storage.nvme.identify import IdentifyWhat
from drivers.storage.nvme.queue_entries import NvmeAdminOpcode
from drivers.storage.nvme.state import NvmeController


@fn(cold=True)
def identify(
    controller: NvmeController, what: IdentifyWhat, namespace: u32, page: Hpa, until: u64
) -> StorageFault | None:
    """Its answer is in `page`, of the admin queue's memory, where the controller may still change it. FAILED: there is
    no answer. TIMED_OUT: no more is to be asked."""
    admin_submit(controller, NvmeAdminOpcode.IDENTIFY, namespace, u64(page), u64(what), moment())
    while True:
        status = admin_answer(controller)
        if status is not None:
            return None if status == 0 else StorageFault.FAILED
        if moment() >= until:
            return StorageFault.TIMED_OUT
        pause()
