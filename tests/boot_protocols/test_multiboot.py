from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from codegen.lang import storage, u32
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.multiboot import load_multiboot
from hypervisor.vm.boot.multiboot_image import LoadedKernel, place_kernel
from hypervisor.vm.manifest import manifest_vm
from tests.boot_protocols.files import archive, hand_over, in_ram, manifest
from tests.boot_protocols.kernels import elf32, elf64, multiboot_header
from tests.played_guest.machine import RAM, VM, everywhere, get, in_cpython, new_machine

LOADED = storage(LoadedKernel)
CODE = bytes(range(256)) * 16
ADDRESSES = 1 << 16
GNUMACH = Path("build/guests/gnumach/gnumach")


def place(kernel: bytes, run=in_cpython, ram=RAM):
    new_machine(ram)
    LOADED.zero()
    return run(place_kernel, VM.memory, in_ram(kernel), LOADED)


def load(kernel: bytes, run=in_cpython, modules=(), **fields):
    vcpu = new_machine()
    named = [(2 + i, text) for i, (_, text) in enumerate(modules)]
    content = manifest(protocol=2, modules=named, **fields)
    assert hand_over(archive((1, content), (3, kernel), *((3, file) for file, _ in modules)))
    entry = manifest_vm(u32(0))
    assert entry is not None
    return run(load_multiboot, vcpu, entry, in_ram(kernel)), vcpu


def by_address(load_at=0x10_0000, load_end=0, bss_end=0, entry=0x10_0020, header_at=None, lead=64):
    header_at = load_at + lead if header_at is None else header_at
    return bytes(lead) + multiboot_header(ADDRESSES, header_at, load_at, load_end, bss_end, entry) + CODE


@everywhere
def test_the_address_kind_is_placed_by_its_header(run):
    kernel = by_address(bss_end=0x20_0000)
    assert place(kernel, run) is None
    assert get(0x10_0000, len(kernel)) == kernel
    assert (LOADED.entry, LOADED.end) == (0x10_0020, 0x20_0000)
    assert place(by_address(load_end=0x10_0060), run) is None
    assert get(0x10_0060, 16) == bytes(16) and LOADED.end == 0x10_0060


@everywhere
@pytest.mark.parametrize("elf", [elf32, elf64])
def test_elf_segments_lie_at_their_physical_addresses(run, elf):
    header = multiboot_header()
    segments = [(0x220, 0xC010_0000, 0x10_0000, 4096, 0x3000), (0x220, 0xC030_0000, 0x30_0000, 16, 16)]
    kernel = elf(segments, 0xC010_0010, header, CODE)
    assert place(kernel, run) is None
    assert get(0x10_0000, 4096) == CODE and get(0x30_0000, 16) == CODE[:16]
    assert (LOADED.entry, LOADED.end) == (0x10_0010, 0x30_0010)


@everywhere
def test_the_kernel_finds_its_information(run):
    kernel = by_address()
    error, vcpu = load(kernel, run, [(b"module one", b"first"), (b"m" * 5000, b"second x")], command_line=b"kernel -v")
    assert error is None
    assert (vcpu.regs.rax, vcpu.regs.rbx) == (0x2BAD_B002, 0x1_0000)
    assert save_of(vcpu).rip == 0x10_0020 and save_of(vcpu).cr0 & 0x8000_0001 == 1
    info = struct.unpack("<30I", get(0x1_0000, 120))
    assert info[0] == 0b10_0100_1101 and info[1] == 639 and info[2] == (RAM - 0x10_0000) >> 10
    assert get(info[4], 10) == b"kernel -v\0" and get(info[16], 9) == b"Keelback\0"
    assert info[5] == 2
    for i, (content, text) in enumerate(((b"module one", b"first"), (b"m" * 5000, b"second x"))):
        start, end, arguments, _ = struct.unpack("<4I", get(info[6] + 16 * i, 16))
        assert start % 4096 == 0 and start >= 0x10_0000 + len(kernel) and get(start, end - start) == content
        assert get(arguments, len(text) + 1) == text + b"\0"
    entries = [struct.unpack("<IQQI", get(info[12] + 24 * i, 24)) for i in range(info[11] // 24)]
    assert (20, 0x10_0000, RAM - 0x10_0000, 1) in entries


@pytest.mark.parametrize(
    ("kernel", "error"),
    [
        (b"", BootError.KERNEL_UNKNOWN),
        (b"\0" * 0x3000, BootError.KERNEL_UNKNOWN),
        (bytes(8192) + multiboot_header(ADDRESSES), BootError.KERNEL_UNKNOWN),
        (multiboot_header(1 << 3), BootError.KERNEL_UNKNOWN),
        (multiboot_header(1 << 15 | ADDRESSES), BootError.KERNEL_UNKNOWN),
        (multiboot_header() + bytes(100), BootError.KERNEL_UNKNOWN),
        (by_address(header_at=0x20_0000), BootError.KERNEL_TRUNCATED),
        (by_address(header_at=0), BootError.KERNEL_TRUNCATED),
        (by_address(load_end=0x5000), BootError.KERNEL_TRUNCATED),
        (by_address(load_end=0xFFFF_FFFF), BootError.KERNEL_TRUNCATED),
        (by_address(load_at=0xFFFF_F000, header_at=0xFFFF_F040), BootError.MEMORY_TOO_SMALL),
        (elf32([(0x220, 0, 0x10_0000, 5000, 4096)], 0, multiboot_header(), CODE), BootError.KERNEL_TRUNCATED),
        (elf32([(0xFFFF_FFFF, 0, 0x10_0000, 1, 1)], 0, multiboot_header(), CODE), BootError.KERNEL_TRUNCATED),
        (elf32([(0x220, 0, 0xFFFF_FFFF, 16, 16)], 0, multiboot_header(), CODE), BootError.MEMORY_TOO_SMALL),
        (
            elf32([], 0, multiboot_header(), CODE, count=65535, size=65535, table=0xFFFF_FFFF),
            BootError.KERNEL_TRUNCATED,
        ),
        (elf64([], 0, multiboot_header(), CODE, count=65535, size=65535, table=1 << 63), BootError.KERNEL_TRUNCATED),
        (elf64([], 0, multiboot_header(), CODE, count=2, table=(1 << 64) - 1), BootError.KERNEL_TRUNCATED),
        (elf64([(1 << 63, 0, 0, 1 << 63, 1 << 63)], 0, multiboot_header(), CODE), BootError.KERNEL_TRUNCATED),
        (elf64([(0x220, 0, 0x10_0000, 16, 1 << 63)], 0, multiboot_header(), CODE), BootError.MEMORY_TOO_SMALL),
        (elf64([(0x220, 0, 1 << 63, 16, 16)], 0, multiboot_header(), CODE), BootError.MEMORY_TOO_SMALL),
    ],
)
@everywhere
def test_a_kernel_that_cannot_start_is_refused(run, kernel, error):
    assert place(kernel, run) == error


@pytest.mark.parametrize(
    ("kernel", "error"),
    [
        (by_address(bss_end=RAM + 1), BootError.MEMORY_TOO_SMALL),
        (elf64([(0x220, 0, 0x10_0000, 16, 16)], 1 << 40, multiboot_header(), CODE), BootError.KERNEL_UNKNOWN),
    ],
)
def test_a_kernel_that_the_vm_cannot_hold_is_refused(kernel, error):
    assert load(kernel)[0] == error


def test_a_missing_module_and_one_without_room_are_named():
    assert load(by_address(), modules=[(b"m" * RAM, b"")])[0] == BootError.MEMORY_TOO_SMALL
    vcpu = new_machine()
    assert hand_over(archive((1, manifest(protocol=2, modules=[(9, b"")])), (3, by_address())))
    entry = manifest_vm(u32(0))
    assert entry is not None
    assert load_multiboot(vcpu, entry, in_ram(by_address())) == BootError.FILE_MISSING


@everywhere
def test_a_hostile_kernel_never_traps(run):
    source = random.Random(5)
    segments = [(0x220, 0xC010_0000, 0x10_0000, 4096, 0x3000)]
    seeds = (
        by_address(),
        elf32(segments, 0xC010_0000, multiboot_header(), CODE),
        elf64(segments, 0xC010_0000, multiboot_header(), CODE),
    )
    vcpu = new_machine()
    assert hand_over(archive((1, manifest(protocol=2, modules=[(1, b"x")])), (3, b"module")))
    entry = manifest_vm(u32(0))
    assert entry is not None
    for _ in range(200):
        kernel = bytearray(source.choice(seeds))
        for _ in range(source.randrange(1, 5)):
            at = source.choice(
                (source.randrange(24, 0x80), source.randrange(0x20C, 0x220), 64 + source.randrange(12, 32))
            )
            size = source.choice((1, 2, 4, 8))
            kernel[at : at + size] = source.choice(
                (b"\xff" * size, bytes(size), source.randbytes(size), b"\x80" * size)
            )
        content = bytes(kernel[: source.choice((len(kernel), len(kernel), source.randrange(len(kernel))))])
        error = run(load_multiboot, vcpu, entry, in_ram(content))
        assert error is None or isinstance(error, BootError)


@pytest.mark.parametrize("memory", [0, 4096, 0xA_0000, 0x10_0000, 1 << 33])
def test_any_amount_of_memory_is_survived(memory):
    error, _ = load(by_address(), memory=memory)
    assert error is None or isinstance(error, BootError)


def test_gnu_mach_is_placed():
    content = GNUMACH.read_bytes()
    assert place(content, ram=0x400_0000) is None
    assert 0x10_0000 <= int(LOADED.entry) < int(LOADED.end) <= 0x400_0000
