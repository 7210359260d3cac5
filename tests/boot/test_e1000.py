import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import REPOSITORY
from tests.net.e1000.packets import ip_is_right, packet, summed, take_apart, transport_is_right

ROOTS = (
    "tests.boot.e1000_monitor",
    "hypervisor.dma.buffers",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
)
FRAMES = 1000
WINDOW = 40  # frames on their way
COPIES, SEGMENT, HEADERS = 8, 1000, 54
CARD = bytes.fromhex("525400123456")
RESET, END = b"\x88\xb5\xfe", b"\x88\xb5\xff"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("e1000") / "amd-v.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", "release", str(image), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


class Peer(threading.Thread):
    """The other end of the cable: QEMU's stream of frames, each behind its length."""

    def __init__(self, reset_after: int | None) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.reset_after = reset_after
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            self.stream, _ = self.listener.accept()
            self.stream.settimeout(30)
            self.talk()
        except BaseException as problem:  # noqa: BLE001
            self.problem = problem

    def talk(self) -> None:
        assert self.get() == b"\xff" * 60
        choose = random.Random(1)
        waiting: list[bytes] = []
        for number in range(FRAMES):
            if number == self.reset_after:
                while waiting:
                    self.check(waiting.pop(0))
                self.put(bytes(12) + RESET + bytes(45))
                assert self.get() == b"\xff" * 60
            waiting.append(self.frame(number, choose))
            self.put(waiting[-1])
            while len(waiting) > WINDOW:
                self.check(waiting.pop(0))
        while waiting:
            self.check(waiting.pop(0))
        self.put(bytes(12) + END + bytes(45))

    def frame(self, number: int, choose: random.Random) -> bytes:
        data = choose.randbytes(choose.randint(6, 1400))
        match number % 10:
            case 3 | 4:
                return packet(4, 17, data, whole=False)[0]
            case 7:
                return packet(4, 6, data, whole=False)[0]
            case 8:
                return (
                    bytes.fromhex("525400123456020000000001810020078000") + number.to_bytes(4, "big") + data.ljust(50)
                )
            case _:
                return b"\xff" * 6 + b"\x02\0\0\0\0\x01\x90\0" + number.to_bytes(4, "big") + data.ljust(50)

    def check(self, sent: bytes) -> None:
        """The echo of one frame: it, or what the card has made of it."""
        exchanged = sent[6:12] + sent[:6] + sent[12:]
        parts = take_apart(sent)
        got = self.get()
        if parts is None:
            assert got == exchanged
        elif parts.protocol == 17:
            assert transport_is_right(got, parts)
            assert got[:40] + got[42:] == (exchanged[:40] + exchanged[42:]).ljust(58, b"\0")
        elif got[20] & 0x20:
            self.check_fragments(got, sent[HEADERS:] * COPIES)
        else:
            self.check_segments(got, sent[HEADERS:] * COPIES)

    def check_segments(self, got: bytes, wanted: bytes) -> None:
        data = b""
        while True:
            cut = take_apart(got)
            assert cut is not None and ip_is_right(got, cut) and transport_is_right(got, cut), got.hex()
            data += got[HEADERS : cut.end]
            assert cut.end - HEADERS == SEGMENT or data == wanted
            if len(data) >= len(wanted):
                break
            got = self.get()
        assert data == wanted

    def check_fragments(self, got: bytes, wanted: bytes) -> None:
        """QEMU's e1000e before 8.0 makes fragments of IP instead of segments, if its back end does not cut them
        (net_tx_pkt_do_sw_fragmentation); their TCP is whole."""
        whole = bytearray(got[:34])
        while True:
            assert summed(got[14:34]) == 0xFFFF, got.hex()
            assert int.from_bytes(got[20:22], "big") & 0x1FFF == (len(whole) - 34) // 8
            whole += got[34 : 14 + int.from_bytes(got[16:18], "big")]
            if not got[20] & 0x20:
                break
            got = self.get()
        whole[16:18] = (len(whole) - 14).to_bytes(2, "big")
        parts = take_apart(bytes(whole))
        assert parts is not None and transport_is_right(bytes(whole), parts)
        assert whole[HEADERS:] == wanted

    def put(self, frame: bytes) -> None:
        self.stream.sendall(struct.pack(">I", len(frame)) + frame)

    def get(self) -> bytes:
        (length,) = struct.unpack(">I", self.exactly(4))
        return self.exactly(length)

    def exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.stream.recv(length - len(data))
            assert more, "QEMU has ended"
            data += more
        return data


@pytest.mark.parametrize("card", ["e1000", "e1000e", "e1000-82545em"])
@pytest.mark.parametrize("reset_after", [None, 500])
def test_a_thousand_frames_come_back(image: Path, card: str, reset_after: int | None) -> None:
    peer = Peer(reset_after)
    peer.start()
    arguments = ("-netdev", f"socket,id=n,connect=127.0.0.1:{peer.port}", "-device", f"{card},netdev=n")
    with start(Machine(Host.QEMU, kernel=image, memory=64 * MIB, arguments=arguments)) as emulator:
        session = Session(emulator, Watch(b"keelback: the end"), time.monotonic() + 40)
        outcome = session.run()
        text = session.output.decode(errors="replace").replace("\r", "")
        if peer.problem is not None:
            raise AssertionError(text) from peer.problem
        assert outcome is Outcome.FOUND, text
    assert re.search(rf"echoed {FRAMES}, resets 0, lost 0, missed 0\n", text), text
    assert "dropped 0" in text and "link True at 1000, 52...56" in text
