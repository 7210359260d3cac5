"""Bochs' own debugger as functions: its text commands go in, what they print comes back (Bochs user manual, 8.13)."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from boot.machines import bochs
from boot.machines.emulator import accept_from, die_with, kill
from boot.machines.machine import Machine, MachineError

PROMPT = re.compile(rb"<bochs:(\d+)> ?$")
CHUNK = 65536
GENERAL = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"
)  # fmt: skip
SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
CONTROL = ("cr0", "cr2", "cr3", "cr4", "efer")


class BochsEnded(Exception):
    """The emulator is gone."""


@dataclass
class BochsDebugger:
    """A Bochs that waits at its prompt. `serial` is COM1."""

    process: subprocess.Popen[bytes]
    serial: socket.socket
    prompt: int = 0
    unread: bytes = b""

    def command(self, text: str) -> str:
        """What a command prints that ends at once."""
        self.send(text)
        return self.output()

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def output(self) -> str:
        """Everything up to the next prompt."""
        while not self.is_at_prompt():
            self.read()
        return self.take()

    def fileno(self) -> int:
        """To select on while the machine runs; then `read`, and `is_at_prompt` says whether it has stopped."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def read(self) -> None:
        chunk = os.read(self.fileno(), CHUNK)
        if not chunk:
            raise BochsEnded
        self.unread += chunk

    def is_at_prompt(self) -> bool:
        found = PROMPT.search(self.unread)
        return found is not None and int(found[1]) > self.prompt

    def take(self) -> str:
        """What came before the prompt that is waiting."""
        found = PROMPT.search(self.unread)
        assert found is not None
        text, self.unread, self.prompt = self.unread[: found.start()], b"", int(found[1])
        return text.decode(errors="replace")

    def interrupt(self) -> None:
        """Stop a running machine, as Ctrl-C at Bochs' terminal does."""
        self.process.send_signal(signal.SIGINT)

    def registers(self) -> dict[str, int]:
        """General, segment and control registers, and the bases of FS and GS."""
        text = self.command("r")
        found = {name: int(high + low, 16) for name, high, low in re.findall(r"(\w+) ?: (\w{8})_(\w{8})", text)}
        found["eflags"] = number_in(r"eflags 0x(\w+)", text)
        for name in SEGMENTS:  # `sreg` shows no base of one that holds a null selector
            text = self.command(f'show "cpu0.{name.upper()}"')
            found[name], found[f"{name}_base"] = (
                number_in(rf"^ *{part} = 0x(\w+)", text) for part in ("selector", "base")
            )
        text = self.command("creg").replace("CR2=page fault laddr", "CR2")
        for name in CONTROL:
            found[name] = number_in(rf"{name.upper()}=0x(\w+)", text)
        return found

    def memory(self, address: int, length: int, physical: bool) -> bytes | None:
        """By linear or by physical address; None where there is none."""
        text = self.command(f"{'xp' if physical else 'x'} /{length}bx {address:#x}")
        content = bytes(int(byte, 16) for byte in re.findall(r"\t0x(\w\w)\b", text))
        return content if len(content) == length else None

    def set_breakpoint(self, address: int) -> None:
        """At a linear address."""
        self.command(f"lb {address:#x}")

    def delete_breakpoint(self, address: int) -> None:
        for number, place in re.findall(r"^ *(\d+) lbreakpoint .* 0x(\w+)", self.command("blist"), re.MULTILINE):
            if int(place, 16) == address:
                self.command(f"d {number}")


def number_in(pattern: str, text: str) -> int:
    """The hexadecimal number that the pattern finds. MachineError when Bochs prints something else."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise MachineError(f"Bochs' debugger shows no {pattern}:\n{text}")
    return int(found[1], 16)


@contextmanager
def bochs_debugger(machine: Machine) -> Iterator[BochsDebugger]:
    """The machine, halted at its first instruction; killed and reaped at the end of the block."""
    with TemporaryDirectory(prefix="keelback-machine-") as name, socket.create_server(("127.0.0.1", 0)) as listener:
        scratch = Path(name)
        process = subprocess.Popen(
            bochs.bochs_command(machine, (listener.getsockname()[1],), scratch, halted=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=bochs.environment(),
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
        try:
            with accept_from(process, listener) as serial:
                debugger = BochsDebugger(process, serial)
                debugger.output()
                yield debugger
        except (TimeoutError, BochsEnded):
            raise MachineError("Bochs did not start") from None
        finally:
            kill(process)
