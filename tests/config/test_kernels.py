from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypervisor.config.image import BadKernel, KernelImage
from hypervisor.config.kernels import read_kernel
from hypervisor.config.model import KernelKind
from tests.config.kernel_files import address_kernel, bzimage, elf32, elf64, multiboot_header


def read(data: bytes, tmp_path: Path) -> KernelImage:
    path = tmp_path / "kernel"
    path.write_bytes(data)
    return read_kernel(path)


def test_each_kind_is_known_by_its_content(tmp_path: Path) -> None:
    one = [(0x100000, 100, 0x2000)]
    assert read(bzimage(), tmp_path).kind is KernelKind.LINUX
    assert read(elf32(one), tmp_path).kind is KernelKind.MULTIBOOT_ELF32
    assert read(elf64(one), tmp_path).kind is KernelKind.MULTIBOOT_ELF64
    assert read(address_kernel(), tmp_path).kind is KernelKind.MULTIBOOT_ADDRESSES


def test_linux_needs_memory_up_to_its_load_address_and_init_size(tmp_path: Path) -> None:
    assert read(bzimage(load=0x1000000, init_size=0x3000000), tmp_path).end == 0x4000000


def test_multiboot_needs_memory_up_to_its_last_segment(tmp_path: Path) -> None:
    assert read(elf64([(0x100000, 10, 20), (0x400000, 0, 0x1000)]), tmp_path).end == 0x401000
    assert read(address_kernel(bss_end=0x123000), tmp_path).end == 0x123000


BROKEN = {
    "nothing known": (b"MZ" + bytes(5000), "of no known kind"),
    "plain ELF": (elf64([(0x100000, 1, 1)]).replace(multiboot_header(), bytes(12)), "without a multiboot 1 header"),
    "gzip": (b"\x1f\x8b" + bytes(100), "gunzip"),
    "bzImage cut in its header": (bzimage()[:0x240], "truncated"),
    "bzImage cut in its code": (bzimage()[:-100], "truncated"),
    "old protocol": (bzimage(protocol=0x0209), "boot protocol 2.09"),
    "zImage": (bzimage(loadflags=0), "zImage"),
    "32-bit Linux": (bzimage(xloadflags=0), "32-bit"),
    "no init_size": (bzimage(init_size=0), "init_size"),
    "unknown multiboot requirement": (elf64([(0x100000, 1, 1)], flags=3 | 1 << 5), "features that do not exist"),
    "ELF cut in a segment": (elf64([(0x100000, 4096, 4096)])[:-1], "truncated"),
    "ELF cut in its program headers": (elf64([(0x100000, 1, 1)])[:70], "without a multiboot 1 header"),
    "more in the file than in memory": (elf64([(0x100000, 20, 10)]), "broken ELF segment"),
    "above 4 GiB": (elf64([(1 << 40, 10, 10)]), "broken ELF segment"),
    "entry outside": (elf64([(0x100000, 10, 10)], entry=0x50), "entry point"),
    "overlapping segments": (elf64([(0x100000, 10, 0x1000), (0x100800, 10, 10)]), "overlapping segments"),
    "in the video hole": (elf64([(0x9F000, 10, 0x2000)]), "is no RAM"),
    "no segment": (elf64([], entry=0), "entry point"),
    "addresses below the header": (address_kernel(entry=0x50), "lies outside"),
    "addresses: end below": (address_kernel(bss_end=0x100010), "lies outside"),
    "flat without addresses": (multiboot_header().ljust(4096, b"\0"), "no ELF file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_kernel_is_refused_in_words(name: str, tmp_path: Path) -> None:
    data, words = BROKEN[name]
    with pytest.raises(BadKernel, match=words):
        read(data, tmp_path)


WHOLE = [bzimage(), elf32([(0x100000, 64, 4096)]), elf64([(0x100000, 64, 4096)]), address_kernel()]


@given(
    base=st.sampled_from(WHOLE),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 6000),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_kernel_or_refused(
    base: bytes, changes: list[tuple[int, int]], length: int, tmp_path: Path
) -> None:
    data = bytearray(base)
    for offset, value in changes:
        data[offset % len(data)] = value
    try:
        image = read(bytes(data[:length]), tmp_path)
    except BadKernel:
        return
    assert all(0 <= part.start < part.end for part in image.ranges)
