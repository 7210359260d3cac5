"""The conversation itself, with a machine that the test plays."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from boot.machines.emulator import Emulator
from tests.guests_boot.dialog import Dialog, NoAnswer

BYTES = 300_000


def test_a_machine_that_says_much_is_not_held_up_while_nobody_waits_for_it() -> None:
    ours, theirs = socket.socketpair()
    with subprocess.Popen(["true"]) as process, ours, theirs:
        console = Dialog(Emulator(process, ours, Path("messages")))

        def machine() -> None:
            for _ in range(BYTES):  # each byte by itself, as Bochs sends it
                theirs.send(b"x")
            theirs.send(b" said")
            theirs.shutdown(socket.SHUT_WR)

        speaker = threading.Thread(target=machine, daemon=True)
        speaker.start()
        speaker.join(60)
        assert not speaker.is_alive()
        assert console.wait("said", 10) == "x" * BYTES + " said"
        for _ in range(2):
            with pytest.raises(NoAnswer):
                console.wait("more", 60)
