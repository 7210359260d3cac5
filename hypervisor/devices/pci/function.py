"""One function on the guest's bus: its configuration space, of which a mask says what software can change."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, table, u16, u32
from drivers.pci.header import PciCommand, Type0Header
from drivers.pci.msix import MsixControl
from hypervisor.devices.pci.image import CONFIG_WORDS, IMAGES, MSIX_AT, FunctionKind
from hypervisor.devices.pci.window import WINDOW_BYTES


def words(contents: list[bytes]) -> list[int]:
    """Little-endian dwords, of all kinds by their numbers; filled up, so that a masked index is in range."""
    content = b"".join(contents).ljust(CONFIG_WORDS * 4 * KINDS, b"\0")
    return [int.from_bytes(content[place : place + 4], "little") for place in range(0, len(content), 4)]


KINDS = 1 << (len(IMAGES) - 1).bit_length()
assert [int(u32(kind)) for kind in IMAGES] == [*range(len(IMAGES))]
CONTENT = table(u32, words([image.content for image in IMAGES.values()]))
WRITABLE = table(u32, words([image.writable for image in IMAGES.values()]))
COMMAND = Type0Header.command.offset // 4
BAR = Type0Header.bars.offset // 4
LINE = Type0Header.interrupt_line.offset // 4
MSIX = MSIX_AT // 4
INTERRUPT_STATUS = 1 << 19  # of the COMMAND dword


class PciFunction(Struct):
    """`kind` is the slot's for the VM's life; the rest is as software has set it since reset."""

    kind: Field[FunctionKind]
    config: Array[u32] = count(CONFIG_WORDS)


@fn(cold=True)
def function_reset(function: PciFunction, window: u32, line: u32) -> None:
    """As firmware leaves it: a virtio function's window at `window`, decoded, its INTA# at interrupt `line`."""
    kind = function.kind
    for i in range(u32(CONFIG_WORDS)):
        function.config[i] = CONTENT[index_of(kind, i)]
    if kind != FunctionKind.NONE and kind != FunctionKind.HOST_BRIDGE:
        function.config[BAR] = window
        function.config[COMMAND] = function.config[COMMAND] | u32(u16(PciCommand(memory=True)))
        function.config[LINE] = function.config[LINE] | line


@fn
def index_of(kind: FunctionKind, number: u32) -> u32:
    """Of a dword in the tables of all kinds."""
    return (u32(kind) * CONFIG_WORDS | number) & (KINDS * CONFIG_WORDS - 1)


@fn
def function_write(function: PciFunction, number: u32, lanes: u32, value: u32) -> None:
    """Dword `number` (0 to 63), of which `lanes` are written."""
    number = number & (CONFIG_WORDS - 1)
    mask = WRITABLE[index_of(function.kind, number)] & lanes
    function.config[number] = function.config[number] & ~mask | value & mask


@fn
def function_command(function: PciFunction) -> PciCommand:
    """What software lets it do."""
    return PciCommand.of(u16.trunc(function.config[COMMAND]))


@fn
def function_claims(function: PciFunction, address: u32) -> bool:
    """Whether its window is decoded and holds `address`."""
    return function_command(function).memory and function.config[BAR] == address & ~(WINDOW_BYTES - 1)


@fn
def function_msix(function: PciFunction) -> MsixControl:
    """Whether MSI-X is on."""
    return MsixControl.of(u16.trunc(function.config[MSIX] >> 16))
