"""The admin queue (NVM Express base 1.4, chapters 4 and 5): one command at a time, asked for until it is done."""

from __future__ import annotations

from codegen.lang import fn, mmio, phys, phys_span, range, u8, u16, u32, u64
from drivers.storage.nvme.queue_entries import (
    PAGE,
    NvmeAdminOpcode,
    NvmeCommand,
    NvmeCommandHead,
    NvmeCompletion,
)
from drivers.storage.nvme.registers import DOORBELLS, NvmeAdminSizes, NvmeDoorbell, NvmeRegisters
from drivers.storage.nvme.state import ADMIN_ENTRIES, NvmeController

ADMIN_PAGES = 4  # submissions, completions, and two for data
FIRST_DATA, SECOND_DATA = 2 * PAGE, 3 * PAGE
ADMIN_PATIENCE = 10_000_000_000  # ns
CODE = 0x7FF  # of a status: the code and its type


@fn(cold=True)
def admin_prepare(controller: NvmeController) -> None:
    """Empty rings, and the controller told of them; it is stopped."""
    admin = controller.admin
    phys_span(admin.memory, 2 * PAGE).fill(0)
    admin.tail = 0
    admin.head = 0
    admin.phase = True
    registers = mmio(NvmeRegisters, controller.base)
    last = u16(ADMIN_ENTRIES - 1)
    registers.admin_sizes.write(NvmeAdminSizes(submission=last, completion=last))
    registers.admin_submissions.write(u64(admin.memory))
    registers.admin_completions.write(u64(admin.memory + PAGE))


@fn(cold=True)
def admin_submit(
    controller: NvmeController, opcode: NvmeAdminOpcode, namespace: u32, data: u64, dwords: u64, now: u64
) -> None:
    """`data`: the address of a page, or 0; `dwords`: 10 and 11. The one before has been answered."""
    admin = controller.admin
    admin.id = (admin.id + 1) & 0x7FFF
    admin.deadline = now + ADMIN_PATIENCE
    entry = phys(NvmeCommand, admin.memory + u64(admin.tail) * 64)
    entry.data = data
    entry.dwords_10_11 = dwords
    entry.head = NvmeCommandHead(opcode=u8(opcode), id=admin.id, namespace=namespace)
    admin.tail = (admin.tail + 1) % ADMIN_ENTRIES
    mmio(NvmeDoorbell, controller.base + DOORBELLS).index.write(admin.tail)


@fn(cold=True)
def admin_answer(controller: NvmeController) -> u16 | None:
    """The status of the command, 0 for success; its result is in `admin.result`. None while it is not done."""
    admin = controller.admin
    for _ in range(u32(ADMIN_ENTRIES)):
        entry = phys(NvmeCompletion, admin.memory + PAGE + u64(admin.head) * 16)
        state = entry.state
        if state.phase != admin.phase:
            return None
        source = entry.queue.submission
        result = entry.result
        admin.head = (admin.head + 1) % ADMIN_ENTRIES
        if admin.head == 0:
            admin.phase = not admin.phase
        mmio(NvmeDoorbell, controller.base + DOORBELLS + u64(controller.stride)).index.write(admin.head)
        if state.id == admin.id and source == 0:
            admin.result = result
            return state.status & CODE
        admin.spurious = admin.spurious.wrapping_add(1)
    return None
