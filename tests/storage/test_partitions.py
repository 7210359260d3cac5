"""Partition tables: what the host's tool writes is what ring 0 reads, and no disk is believed blindly."""

from __future__ import annotations

import random
import uuid
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, Span, host, u8, u32, u64
from drivers.storage.command import BlockOutcome
from drivers.storage.disk import DISKS, Disk, DiskDriver, disk_add
from hypervisor.console.log import LOG
from hypervisor.disk_image.image import DiskImageError, make_image, show_image
from hypervisor.storage.names import disk_called
from hypervisor.storage.partitions import read
from hypervisor.storage.partitions.checksum import crc32
from hypervisor.storage.partitions.partition import PARTITIONS, partition_named

MIB = 1 << 20


def text(content: bytes) -> Span:
    return content  # type: ignore[return-value]


class Machine:
    """With one disk, whose content may change; `refused` sectors cannot be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes, block: int = 512) -> None:
        host.reset()
        for state in (DISKS, PARTITIONS, LOG):
            state.zero()
        self.content, self.refused = bytearray(content), set[int]()
        self.lent: list[int] = []
        disk = disk_add(DiskDriver.NVME, u8(0), u32(0))
        assert disk is not None
        disk.sectors, disk.block, disk.address_limit = len(content) // 512, block, 1 << 52
        self.disk: Disk = disk
        monkeypatch.setattr(read, "read_now", self.read_now)
        monkeypatch.setattr(read, "device_buffer", self.lend)
        monkeypatch.setattr(read, "return_device_buffer", lambda requester, hpa, size: self.lent.remove(int(hpa)))
        self.said: list[str] = []
        monkeypatch.setattr(read, "warn", lambda *parts: self.said.append("".join(str(part) for part in parts)))
        monkeypatch.setattr(read, "log", lambda *parts: None)

    def lend(self, requester: object, size: object, limit: object) -> Hpa:
        self.lent.append(int(host.memory.allocate(int(size))))  # type: ignore[call-overload]
        return Hpa(self.lent[-1])

    def read_now(self, disk: object, sector: u64, hpa: Hpa, sectors: u32) -> BlockOutcome:
        first, count = int(sector), int(sectors)
        block = int(self.disk.block) // 512
        assert first % block == 0 and count % block == 0 and 0 < count <= 8
        assert (first + count) * 512 <= len(self.content)
        if self.refused & set(range(first, first + count)):
            return BlockOutcome.IO_ERROR
        host.memory.write(hpa, bytes(self.content[first * 512 : (first + count) * 512]))
        return BlockOutcome.DONE

    def found(self) -> list[tuple[str, int, int]]:
        """(name, first sector, sectors) of each."""
        PARTITIONS.zero()
        read.read_partitions()
        assert self.lent == []
        listed = (PARTITIONS.partitions[i] for i in range(int(PARTITIONS.partition_count)))
        return [(bytes(each.name_text()).decode(), int(each.first), int(each.sectors)) for each in listed]


def image(folder: Path, *partitions: str, size: int = 16 * MIB, block: int = 512) -> bytes:
    make_image(folder / "image", size, list(partitions), block)
    return (folder / "image").read_bytes()


@pytest.mark.parametrize("block", [512, 4096])
def test_what_the_tool_writes_is_read(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "content").write_bytes(b"keelback")
    content = image(tmp_path, f"root:4M={tmp_path / 'content'}", "home dir:5M", block=block)
    machine = Machine(monkeypatch, content, block)
    assert machine.found() == [("root", 2048, 8192), ("home dir", 10240, 10240)]
    assert content[MIB:].startswith(b"keelback") and machine.said == []
    lines = show_image(tmp_path / "image", block)
    assert [line.split(",")[0] for line in lines[1:]] == ["  root: 4M", "  home dir: 5M"]
    id = uuid.UUID(lines[2].split()[-1])
    for name in (b"home dir", str(id).encode(), str(id).upper().encode()):
        assert partition_named(text(name)) == 1
    for name in (b"", b"home", b"home dir2", str(uuid.uuid4()).encode(), str(id).encode()[:-1] + b"g"):
        assert partition_named(text(name)) is None


def test_a_name_that_two_have_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, image(tmp_path, "a:1M", "b:1M"))
    at = machine.content.index("b".encode("utf-16-le") + bytes(4), 1024)
    machine.content[at] = ord("a")
    for place, table in ((512, 1024), (len(machine.content) - 512, len(machine.content) - 512 - 16384)):
        machine.content[place + 88 : place + 92] = zlib.crc32(machine.content[1024 : 1024 + 16384]).to_bytes(
            4, "little"
        )
        machine.content[table : table + 16384] = machine.content[1024 : 1024 + 16384]
        put_sum(machine.content, place)
    assert [name for name, _, _ in machine.found()] == ["a", "a"]
    assert partition_named(text(b"a")) is None


def put_sum(content: bytearray, header: int) -> None:
    content[header + 16 : header + 20] = bytes(4)
    content[header + 16 : header + 20] = zlib.crc32(content[header : header + 92]).to_bytes(4, "little")


@pytest.mark.parametrize("place", [512 + 16, 512 + 40, 512 + 88, 1024 + 56])
def test_a_damaged_table_has_a_copy(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, image(tmp_path, "root:4M"))
    machine.content[place] ^= 1
    assert machine.found() == [("root", 2048, 8192)]
    assert "the copy at its end is tried" in machine.said[0]
    machine.content[-512 + 17] ^= 1
    assert machine.found() == [] and "the copy is no better" in machine.said[-1]


def test_a_disk_without_a_table_has_no_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, bytes(MIB)).found() == []
    assert Machine(monkeypatch, bytes(512)).found() == []


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, image(tmp_path, "root:4M"))
    machine.refused = {1}
    assert machine.found() == [] and "cannot be read" in machine.said[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_no_table_leads_outside_of_the_disk(seed: int, sums_hold: bool) -> None:
    """Random fields, with sums that hold, so that the fields are looked at."""
    source = random.Random(seed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        content = bytearray(TABLE)
        for _ in range(source.randrange(1, 4)):
            at = source.choice((520, 524, 536, 552, 560, 584, 592, 596, 1056, 1064))
            width = source.choice((1, 4, 8))
            value = source.choice((0, 1, 2**63, source.randrange(2**64), 2**64 - 1, source.randrange(40000)))
            content[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        if sums_hold:
            content[512 + 88 : 512 + 92] = zlib.crc32(content[1024 : 1024 + 16384]).to_bytes(4, "little")
            put_sum(content, 512)
        machine = Machine(monkeypatch, bytes(content))
        for _, first, sectors in machine.found():
            assert 34 <= first and 0 < sectors and first + sectors <= len(content) // 512


def _table() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return image(Path(folder), "root:512K", "home:256K", size=3 * MIB)


TABLE = _table()


@given(st.binary(max_size=300))
def test_the_sum_is_the_usual_one(content: bytes) -> None:
    assert int(crc32(text(content))) == zlib.crc32(content)


def test_more_partitions_than_there_is_room_for_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, image(tmp_path, *(f"p{n}:4K" for n in range(70)), size=128 * MIB))
    assert len(machine.found()) == 64 and "6 partitions more" in machine.said[-1]


def test_the_tool_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(bytes(8192))
    for partitions, words in (
        (["root"], "is no partition"),
        (["root:0M"], "is empty"),
        ([f"root:4K={tmp_path / 'content'}"], "do not fit"),
        (["a:1M", "a:1M"], "one name"),
        (["a:20M"], "no room for a"),
        (["x" * 37 + ":1M"], "is no partition"),
    ):
        with pytest.raises(DiskImageError, match=words):
            make_image(tmp_path / "image", 16 * MIB, partitions)
    image(tmp_path, "root:1M")
    content = bytearray((tmp_path / "image").read_bytes())
    content[512 + 60] ^= 1
    (tmp_path / "image").write_bytes(content)
    with pytest.raises(DiskImageError, match="damaged"):
        show_image(tmp_path / "image")
    (tmp_path / "image").write_bytes(bytes(MIB))
    assert show_image(tmp_path / "image") == [f"{tmp_path / 'image'}: 1M, no partition table"]


def test_a_disk_has_a_name_and_a_serial_number() -> None:
    DISKS.zero()
    for driver, serial in ((DiskDriver.NVME, b"one "), (DiskDriver.AHCI, b"two"), (DiskDriver.NVME, b"  three")):
        disk = disk_add(driver, u8(0), u32(0))
        assert disk is not None
        for place, byte in enumerate(serial):
            disk.serial[place] = byte
    names = [b"nvme0", b"sata0", b"nvme1", b"one", b"two", b"three"]
    assert [disk_called(text(name)) for name in names] == [0, 1, 2, 0, 1, 2]
    for name in (b"", b"nvme", b"nvme2", b"nvme01", b"nvme11111111111111111", b"sata0x", b"ata0", b"on"):
        assert disk_called(text(name)) is None
    for place, byte in enumerate(b"one\0"):
        DISKS.disks[1].serial[place] = byte
    assert disk_called(text(b"one")) is None
