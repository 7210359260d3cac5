"""A controller's namespaces are disks (NVM Express base 1.4, chapter 5.15). What they say is read once, and not
believed."""

from __future__ import annotations

from codegen.lang import Hpa, Local, Span, fn, len, min, mmio, phys, range, span_of, u8, u16, u32, u64, usize
from drivers.host import moment
from drivers.storage.command import SEGMENTS_MAX
from drivers.storage.disk import MODEL_BYTES, SERIAL_BYTES, SPACE, Disk, DiskDriver, disk_add, printable
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.admin import ADMIN_PATIENCE, FIRST_DATA, SECOND_DATA
from drivers.storage.nvme.identify import (
    FORMATS,
    ControllerData,
    IdentifyWhat,
    NamespaceData,
    NamespaceNumbers,
)
from drivers.storage.nvme.identify_command import identify
from drivers.storage.nvme.queue_entries import PAGE
from drivers.storage.nvme.registers import NvmeRegisters
from drivers.storage.nvme.state import NvmeController
from drivers.storage.nvme.transfer import ADDRESS_LIMIT, BYTES_MAX

NAMESPACES_MAX = 32  # that are looked at
NUMBER_MAX = 0xFFFF_FFFE
VERSION_WITH_LIST = 0x0001_0100
DISCOVERY, ADMINISTRATIVE = 2, 3  # kinds of controllers without disks
SECTOR_LOG2, PAGE_LOG2 = 9, 12
BLOCKS_MAX = 1 << 50


@fn(cold=True)
def add_disks(controller: NvmeController, number: u8) -> StorageFault | None:
    """All that can be used, by a controller that runs. It has ADMIN_PATIENCE for all of its answers."""
    until = moment() + ADMIN_PATIENCE
    page = controller.admin.memory + FIRST_DATA
    fault = identify(controller, IdentifyWhat.CONTROLLER, u32(0), page, until)
    if fault is not None:
        return fault
    data = phys(ControllerData, page)
    kind = data.kind
    if kind == DISCOVERY or kind == ADMINISTRATIVE:
        return StorageFault.UNSUPPORTED
    pattern = Local(Disk)
    pattern.driver = DiskDriver.NVME
    pattern.controller = number
    describe_controller(controller, data, pattern)
    last = data.namespaces
    listed = False
    numbers = phys(NamespaceNumbers, controller.admin.memory + SECOND_DATA)
    if mmio(NvmeRegisters, controller.base).version.read() >= VERSION_WITH_LIST:
        place = controller.admin.memory + SECOND_DATA
        fault = identify(controller, IdentifyWhat.ACTIVE_NAMESPACES, u32(0), place, until)
        if fault is not None and fault == StorageFault.TIMED_OUT:
            return fault
        listed = fault is None
    before = u32(0)
    for i in range(u32(NAMESPACES_MAX)):
        namespace = numbers.numbers[i] if listed else i + 1
        if namespace <= before or namespace > NUMBER_MAX or (not listed and namespace > last):
            break  # a list ends with 0; it ascends, so that no disk is here twice
        before = namespace
        fault = add_disk(controller, namespace, pattern, page, until)
        if fault is not None:
            return fault
    return None


@fn(cold=True)
def describe_controller(controller: NvmeController, data: ControllerData, pattern: Disk) -> None:
    """What all of its disks have in common."""
    pattern.requester = controller.requester
    pattern.queues = u16(controller.queue_count)
    pattern.bytes_max = BYTES_MAX
    transfer_log2 = data.transfer_log2
    if transfer_log2 != 0 and transfer_log2 < 32 - PAGE_LOG2:
        pattern.bytes_max = min(u32(BYTES_MAX), u32(PAGE) << transfer_log2)
    pattern.segments_max = SEGMENTS_MAX
    pattern.address_limit = ADDRESS_LIMIT
    pattern.page_bound = True
    pattern.caches_writes = data.write_cache.present
    commands = data.commands
    pattern.discards = commands.dataset
    pattern.zeroes = commands.write_zeroes
    for i in range(u32(MODEL_BYTES)):
        pattern.model[i] = printable(data.model[i])
    for i in range(u32(SERIAL_BYTES)):
        pattern.serial[i] = printable(data.serial[i])
    trim(span_of(pattern).slice(usize(Disk.model.offset), usize(MODEL_BYTES)))
    trim(span_of(pattern).slice(usize(Disk.serial.offset), usize(SERIAL_BYTES)))


@fn(cold=True)
def add_disk(controller: NvmeController, namespace: u32, pattern: Disk, page: Hpa, until: u64) -> StorageFault | None:
    """One, if it can be used. A fault only when the controller hangs."""
    fault = identify(controller, IdentifyWhat.NAMESPACE, namespace, page, until)
    if fault is not None:
        return fault if fault == StorageFault.TIMED_OUT else None
    data = phys(NamespaceData, page)
    blocks = data.blocks
    block_log2 = block_of(data)
    if block_log2 is None or blocks == 0 or blocks > BLOCKS_MAX:
        return None
    disk = disk_add(pattern.driver, pattern.controller, namespace)
    if disk is None:
        return None
    disk.copy_from(pattern)
    disk.unit = namespace
    disk.block = u32(1) << block_log2
    disk.sectors = blocks << (block_log2 - SECTOR_LOG2)
    disk.read_only = data.attributes.write_protected
    return None


@fn(cold=True)
def block_of(data: NamespaceData) -> u32 | None:
    """Bytes of a block, 2 to the result; None unless it is 512 to 4096 without metadata."""
    use = data.format
    last = u32(data.last_format)
    index = u32(use.low)
    if last >= 16:
        index = index | u32(use.high) << 4
    if index > last or index >= FORMATS:
        return None
    format = data.formats[index]
    log2 = u32(format.block_log2)
    return log2 if format.metadata == 0 and SECTOR_LOG2 <= log2 <= PAGE_LOG2 else None


@fn(cold=True)
def trim(text: Span) -> None:
    """Spaces at the end become NULs."""
    i = len(text)
    while i > 0 and text[i - 1] == SPACE:
        i -= 1
        text[i] = u8(0)
