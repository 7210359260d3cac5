"""Commands of the driver's own: which disk is there, and which queued command has failed."""

from __future__ import annotations

from codegen.lang import Local, fn, len, phys, phys_span, range, u8, u32, u64
from drivers.storage.ahci.end import end_slot, end_slots, port_gone
from drivers.storage.ahci.issue import issue_own
from drivers.storage.ahci.port import has_error, is_busy, port_begin, port_stop
from drivers.storage.ahci.state import DATA_OFFSET, MS, AhciController, AhciPort, AhciState
from drivers.storage.ata.commands import QueuedError
from drivers.storage.ata.drive import AtaDrive, is_same_disk, read_drive
from drivers.storage.ata.identify import IDENTIFY_BYTES, IdentifyData
from drivers.storage.ata.task import AtaTask
from drivers.storage.command import BlockOutcome

ANSWER_NS = 5_000 * MS


@fn(cold=True)
def ask(port: AhciPort, task: AtaTask, state: AhciState, now: u64) -> None:
    """Start the port, with one command of the driver's own."""
    phys_span(port.memory + DATA_OFFSET, IDENTIFY_BYTES).fill(0)
    port_begin(port)
    port.failed = False
    issue_own(port, task)
    port.state = state
    port.until = now + ANSWER_NS


@fn(cold=True)
def own_answer(port: AhciPort, now: u64) -> BlockOutcome:
    """What became of that command."""
    if port.failed:
        return BlockOutcome.IO_ERROR
    if port.registers().issued.read() & 1 != 0:  # until then PxTFD may be of before
        return BlockOutcome.PENDING if now < port.until else BlockOutcome.TIMED_OUT
    return BlockOutcome.IO_ERROR if has_error(port) or is_busy(port) else BlockOutcome.DONE


@fn(cold=True)
def step_identifying(controller: AhciController, port: AhciPort, now: u64) -> None:
    """Somebody may have put in another disk: nothing is written to that."""
    outcome = own_answer(port, now)
    if outcome == BlockOutcome.PENDING:
        return
    if outcome != BlockOutcome.DONE:
        port_stop(port, now, True)
        return
    drive = Local(AtaDrive)
    good = read_drive(drive, phys(IdentifyData, port.memory + DATA_OFFSET))
    if not good or (port.known and not is_same_disk(drive, port.drive)):
        port_gone(controller, port)
        return
    if not port.known:
        port.drive.copy_from(drive)
    port.state = AhciState.RUNNING


@fn(cold=True)
def step_asking(controller: AhciController, port: AhciPort, now: u64) -> None:
    """The log names the command that has failed; the disk has dropped the others. A disk that does not tell gets no
    queued commands any more: of those, one at a time, it is clear which one fails."""
    outcome = own_answer(port, now)
    if outcome == BlockOutcome.PENDING:
        return
    bytes = phys_span(port.memory + DATA_OFFSET, IDENTIFY_BYTES)
    sum = u8(0)
    for i in range(len(bytes)):
        sum = sum.wrapping_add(bytes[i])
    entry = QueuedError.of(bytes[0])
    failed = u32(1) << entry.tag
    if outcome != BlockOutcome.DONE or sum != 0 or entry.not_queued or port.issued & failed == 0:
        port.depth = 0
        port_stop(port, now, True)
        return
    end_slot(controller, port, u32(entry.tag), BlockOutcome.IO_ERROR)
    end_slots(controller, port, port.issued, BlockOutcome.RESET)
    port.resets_in_row = 0
    port.state = AhciState.RUNNING
