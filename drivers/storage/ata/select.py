"""Which of a channel's two drives is spoken to, and what its status says."""

from __future__ import annotations

from codegen.lang import fn, pause, range, u8, u32, u64
from drivers.host import moment
from drivers.storage.ata.commands import DEVICE_1, DEVICE_OBSOLETE, AtaStatus
from drivers.storage.ata.state import AtaChannel

SETTLING_READS = 4  # each takes 100 ns or more: a status is right 400 ns after a selection or command
FLOATING = 0xFF  # nothing drives the bus
FLOATING_LOW = 0x7F  # the same where bit 7 is pulled down, as ATA-3 wants it


@fn
def select(channel: AtaChannel, drive: u32, bits: u8) -> None:
    """Speak to this one from now on; `bits`: others of the device register."""
    channel.task().device.write(u8(DEVICE_OBSOLETE) | (u8(DEVICE_1) if drive != 0 else u8(0)) | bits)
    settle(channel)


@fn
def settle(channel: AtaChannel) -> None:
    """400 ns."""
    for _ in range(u32(SETTLING_READS)):
        channel.control().status.read()


@fn
def is_floating(status: AtaStatus) -> bool:
    """Whether nobody answers."""
    return u8(status) == FLOATING or u8(status) == FLOATING_LOW


@fn
def is_free(status: AtaStatus) -> bool:
    """Whether a drive takes a command."""
    return not is_floating(status) and not status.busy and not status.data_request


@fn(cold=True)
def wait_while_busy(channel: AtaChannel, ns: u64) -> AtaStatus | None:
    """The status at last; None when it takes longer."""
    end = moment() + ns
    while True:
        status = channel.control().status.read()
        if not status.busy:
            return status
        if moment() > end:
            return None
        pause()
