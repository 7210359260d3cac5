from __future__ import annotations

import random

import pytest

from boot.info import FileKind
from codegen.lang import Hpa, Span, host, u32, u64
from hypervisor.archive import ARCHIVE, archive_file, archive_next, archive_start
from hypervisor.vm.boot.texts import manifest_text
from hypervisor.vm.manifest import manifest_vm, manifest_vm_count
from tests.boot_protocols.files import VM_BYTES, archive, hand_over, manifest
from tests.played_guest.machine import everywhere, new_machine


@pytest.fixture(autouse=True)
def machine():
    new_machine()


def content(span: Span | None) -> bytes | None:
    return None if span is None else bytes(int(span[i]) for i in range(len(span)))


def test_files_are_found_by_number_and_kind():
    assert hand_over(archive((1, manifest()), (3, b"kernel"), (3, b"")))
    assert content(archive_file(u32(1))) == b"kernel" and content(archive_file(u32(2))) == b""
    assert archive_file(u32(3)) is None
    assert archive_next(FileKind.GUEST, u32(0)) == 1 and archive_next(FileKind.SYMBOLS, u32(0)) is None


def test_an_archive_that_is_none_has_no_files():
    whole = archive((1, manifest()))
    assert not hand_over(b"\0" * 4096) and not hand_over(whole[:4096]) and not hand_over(b"")
    assert manifest_vm_count() == 0 and manifest_vm(u32(0)) is None
    assert not archive_start(Hpa(0), u64(0))


def test_texts_end_inside_the_manifest():
    text = manifest(command_line=b"quiet")
    assert hand_over(archive((1, text)))
    assert content(manifest_text(u32(32 + VM_BYTES))) == b"quiet\0"
    for wild in (len(text), len(text) + 1, 0xFFFF_FFFF):
        assert content(manifest_text(u32(wild))) == b"\0"
    assert hand_over(archive((1, text[:-1])))
    assert content(manifest_text(u32(32 + VM_BYTES))) == b"\0"


@everywhere
def test_hostile_headers_never_trap(run):
    source = random.Random(7)
    whole = archive((1, manifest(command_line=b"quiet")), (3, b"kernel" * 1000))
    for _ in range(250):
        wild = bytearray(whole)
        for _ in range(source.randrange(1, 5)):
            at = source.choice((source.randrange(8, 32), source.randrange(32, 160), 4096 + source.randrange(0x200)))
            size = source.choice((1, 4, 8))
            wild[at : at + size] = source.choice((b"\xff" * size, bytes(size), source.randbytes(size)))
        ARCHIVE.zero()
        place = host.memory.allocate(len(wild))
        host.memory.write(place, bytes(wild))
        run(archive_start, place, u64(source.choice((len(wild), source.randrange(len(wild))))))
        run(manifest_vm_count)
        for index in (0, 1, 15, 0xFFFF_FFFF):
            run(manifest_vm, u32(index))
            run(archive_file, u32(index))
            run(manifest_text, u32(index * 50 & 0xFFFF_FFFF))
