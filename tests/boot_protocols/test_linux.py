from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from codegen.lang import Gpa, Span, u64
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.linux import BOOT_PARAMETERS, COMMAND_LINE, load_linux
from tests.boot_protocols.files import in_ram
from tests.boot_protocols.kernels import bzimage
from tests.played_guest.machine import RAM, everywhere, get, in_cpython, new_machine

RSDP = Gpa(0xE_0000)
KERNELS = sorted(Path("build/guests").glob("linux-*/vmlinuz"))


def load(kernel: bytes, initrd: bytes = b"", line: bytes = b"console=ttyS0", memory: int = RAM, run=in_cpython):
    vcpu = new_machine(min(memory, 0x1000_0000))
    error = run(load_linux, vcpu, u64(memory), in_ram(kernel), in_ram(initrd), in_ram(line), RSDP)
    assert error is None or isinstance(error, BootError)
    return error, vcpu


def parameter(offset: int, kind: str) -> int:
    return struct.unpack(f"<{kind}", get(BOOT_PARAMETERS + offset, struct.calcsize(kind)))[0]


@everywhere
def test_a_64_bit_kernel_starts_in_long_mode_at_its_preferred_address(run):
    body = random.Random(1).randbytes(10_000)
    error, vcpu = load(bzimage(body), b"initrd" * 1000, run=run)
    assert error is None
    save = save_of(vcpu)
    assert get(0x20_0000, len(body)) == body
    assert save.rip == 0x20_0200 and vcpu.regs.rsi == BOOT_PARAMETERS
    assert save.cr0 & 0x8000_0001 == 0x8000_0001 and save.efer & 0x500 == 0x500 and save.cs.attributes == 0xA9B
    assert save.rflags == 2
    assert get(COMMAND_LINE, 14) == b"console=ttyS0\0"
    assert parameter(0x228, "I") == COMMAND_LINE and parameter(0x70, "Q") == 0xE_0000
    assert parameter(0x210, "B") == 0xFF and parameter(0x211, "B") & 0xC0 == 0
    place, size = parameter(0x218, "I"), parameter(0x21C, "I")
    assert size == 6000 and place % 4096 == 0 and place + size <= RAM
    assert get(place, size) == b"initrd" * 1000


def test_an_identity_map_covers_4_gib():
    _, vcpu = load(bzimage())
    from hypervisor.vcpu.linear import Access, translate_linear

    for address in (0, 0x12_3456, 0xFFFF_F000):
        assert translate_linear(vcpu, u64(address), Access(write=True)) == Gpa(address)


def test_a_kernel_without_the_64_bit_entry_starts_in_protected_mode():
    error, vcpu = load(bzimage(xloadflags=0))
    save = save_of(vcpu)
    assert error is None and save.rip == 0x20_0000 and save.cr0 & 0x8000_0001 == 1
    assert save.cs.attributes == 0xC9B and save.cs.limit == 0xFFFF_FFFF
    assert get(0x1010, 8) == struct.pack("<Q", 0x00CF_9B00_0000_FFFF)


def test_an_old_kernel_goes_to_1_mib():
    error, vcpu = load(bzimage(version=0x204, xloadflags=0))
    assert error is None and save_of(vcpu).rip == 0x10_0000 and get(0x10_0000, 4) == b"\x90" * 4


def test_the_memory_map_is_the_machines():
    load(bzimage(), memory=RAM)
    entries = [struct.unpack("<QQI", get(BOOT_PARAMETERS + 0x2D0 + 20 * i, 20)) for i in range(parameter(0x1E8, "B"))]
    assert (0, 0x9_FC00, 1) in entries and (0x10_0000, RAM - 0x10_0000, 1) in entries
    assert (0xE_0000, 0x2_0000, 2) in entries
    ends = [base + length for base, length, _ in entries]
    assert all(end <= base for end, (base, _, _) in zip(ends, entries[1:], strict=False))


@pytest.mark.parametrize(
    ("kernel", "error"),
    [
        (b"", BootError.KERNEL_TRUNCATED),
        (b"\0" * 0x270, BootError.KERNEL_TRUNCATED),
        (b"\0" * 0x1000, BootError.KERNEL_UNKNOWN),
        (bzimage(version=0x201), BootError.KERNEL_TOO_OLD),
        (bzimage(load_flags=0), BootError.KERNEL_TOO_OLD),
        (bzimage(setup_sectors=255), BootError.KERNEL_TRUNCATED),
        (bzimage(b""), BootError.KERNEL_TRUNCATED),
        (bzimage(init_size=0xFFFF_FFFF), BootError.MEMORY_TOO_SMALL),
        (bzimage(pref_address=1 << 39), BootError.MEMORY_TOO_SMALL),
        (bzimage(b"\x90" * RAM), BootError.MEMORY_TOO_SMALL),
    ],
)
def test_a_kernel_that_cannot_start_is_refused(kernel, error):
    assert load(kernel)[0] == error


def test_setup_sectors_0_means_4():
    error, _ = load(bzimage(b"body" * 100, sectors=0))
    assert error is None and get(0x20_0000, 4) == b"body"


@pytest.mark.parametrize(
    ("limit", "fits"), [(0x7FFF_FFFF, True), (0x50_0000, True), (0x30_0000, False), (0x1000, False), (0, False)]
)
def test_the_initrd_keeps_below_the_kernels_limit(limit, fits):
    error, _ = load(bzimage(initrd_address_max=limit), b"i" * 5000)
    assert (error is None) == fits
    if fits:
        assert parameter(0x218, "I") + 5000 <= limit + 1


def test_an_initrd_without_room_is_refused():
    assert load(bzimage(), b"i" * (RAM - 0x20_0000))[0] == BootError.INITRD_TOO_LARGE


def test_a_long_command_line_is_cut():
    load(bzimage(), line=b"x" * 5000)
    assert get(COMMAND_LINE, 2049) == b"x" * 2047 + b"\0\0"


@everywhere
def test_a_hostile_header_never_traps(run):
    source = random.Random(3)
    vcpu = new_machine()
    for _ in range(150):
        kernel = bytearray(bzimage(source.randbytes(source.choice((1, 600, 5000)))))
        for _ in range(source.randrange(1, 6)):
            offset = source.choice((0x1F1, 0x201, 0x206, 0x207, 0x211, 0x234, 0x236, source.randrange(0x1F1, 0x270)))
            kernel[offset] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
        if source.random() < 0.5:
            at, size = source.choice(((0x258, 8), (0x260, 4), (0x22C, 4), (0x230, 4)))
            kernel[at : at + size] = source.choice((b"\xff" * size, bytes(size), source.randbytes(size)))
        content = bytes(kernel[: source.choice((len(kernel), len(kernel), 0x271, 0x270, 0x1F0, 0))])
        memory = source.choice((0, 1, 0x9_FC00, 0x10_0000, RAM, 1 << 32, 1 << 40))
        initrd = in_ram(source.randbytes(source.choice((0, 1, 4096, 60_000))))
        run(load_linux, vcpu, u64(memory), in_ram(content), initrd, in_ram(b"line"), RSDP)


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.parent.name)
@everywhere
def test_debian_kernels_are_placed(run, path):
    content = path.read_bytes()
    error, vcpu = load(content, b"i" * 10_000, memory=0x1000_0000, run=run)
    setup = (content[0x1F1] + 1) * 512
    assert error is None
    load_at = struct.unpack_from("<Q", content, 0x258)[0]
    assert get(load_at, 4096) == content[setup : setup + 4096]
    assert save_of(vcpu).rip == load_at + 0x200


def test_the_empty_span_is_an_initrd_that_is_none():
    assert isinstance(in_ram(b""), Span) and load(bzimage())[0] is None and parameter(0x218, "I") == 0
