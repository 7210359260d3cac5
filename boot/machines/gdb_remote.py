"""gdb's remote protocol in front of Bochs' debugger (GDB manual, appendix E): so both emulators are debugged alike.

Debian's Bochs has the debugger with a prompt, which excludes Bochs' own gdb stub.
"""

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from boot.machines.bochs_debugger import CONTROL, GENERAL, SEGMENTS, BochsDebugger, BochsEnded

CHUNK = 65536
PACKET_BYTES = 0x4000
STOPPED, INTERRUPTED, ENDED, FAILED, DONE = "S05", "S02", "W00", "E01", "OK"
CTRL_C = 0x03

X87 = [f"st{number}" for number in range(8)]
X87_CONTROL = ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"]
BASES = ["fs_base", "gs_base"]
WIDTHS = {
    **dict.fromkeys(GENERAL, 64),
    **dict.fromkeys(("eflags", *SEGMENTS), 32),
    **dict.fromkeys(X87, 80),
    **dict.fromkeys(X87_CONTROL, 32),
    **dict.fromkeys((*BASES, *CONTROL), 64),
}
"""Bits of every register, in the order in which gdb numbers them. gdb wants the x87's, which the monitor never uses."""

TYPES = {"rip": "code_ptr", "rsp": "data_ptr", "rbp": "data_ptr", **dict.fromkeys(X87, "i387_ext")}


def target_description() -> str:
    """The registers, as gdb reads them."""

    def feature(name: str, registers: list[str]) -> str:
        lines = [f'<reg name="{r}" bitsize="{WIDTHS[r]}" type="{TYPES.get(r, f"int{WIDTHS[r]}")}"/>' for r in registers]
        return f'<feature name="{name}">{"".join(lines)}</feature>'

    core = [name for name in WIDTHS if name not in (*BASES, *CONTROL)]
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target>'
        "<architecture>i386:x86-64</architecture>"
        + feature("org.gnu.gdb.i386.core", core)
        + feature("org.gnu.gdb.i386.segments", BASES)
        + feature("org.keelback.control", list(CONTROL))
        + "</target>"
    )


class GdbRemote:
    """One connection. Memory is that of the processor's linear addresses, or physical in QEMU's PhyMemMode."""

    def __init__(self, connection: socket.socket, bochs: BochsDebugger) -> None:
        self.connection = connection
        self.bochs = bochs
        self.physical = False
        self.received = b""
        self.registers: dict[str, int] | None = None

    def serve(self) -> None:
        """Until gdb leaves or Bochs ends."""
        with suppress(ConnectionError):
            while (packet := self.next_packet()) is not None:
                try:
                    self.reply(self.answer(packet))
                except BochsEnded:
                    self.reply(ENDED)
                    return

    def next_packet(self) -> str | None:
        """The contents of the next packet, acknowledged; None at the end of the connection."""
        while True:
            start = self.received.find(b"$")
            end = self.received.find(b"#", start)
            if 0 <= start < end and len(self.received) >= end + 3:
                packet = self.received[start + 1 : end]
                self.received = self.received[end + 3 :]
                self.connection.sendall(b"+")
                return packet.decode("latin-1")
            chunk = self.connection.recv(CHUNK)
            if not chunk:
                return None
            self.received += chunk

    def reply(self, text: str) -> None:
        encoded = text.encode("latin-1")
        self.connection.sendall(b"$" + encoded + b"#%02x" % (sum(encoded) & 0xFF))

    def answer(self, packet: str) -> str:
        """Empty for what we do not know, as the protocol wants it."""
        for start, action in ACTIONS.items():
            if packet.startswith(start):
                return action(self, packet[len(start) :])
        return ""

    # ---- what packets ask for

    def features(self, rest: str) -> str:
        offset, length = (int(number, 16) for number in rest.split(","))
        part = target_description()[offset : offset + length]
        return ("m" if len(part) == length else "l") + part

    def read_registers(self, _rest: str) -> str:
        return "".join(self.register_text(name) for name in WIDTHS)

    def read_register(self, rest: str) -> str:
        names = list(WIDTHS)
        number = int(rest, 16)
        return self.register_text(names[number]) if number < len(names) else FAILED

    def register_text(self, name: str) -> str:
        if self.registers is None:
            self.registers = self.bochs.registers()
        return self.registers.get(name, 0).to_bytes(WIDTHS[name] // 8, "little").hex()

    def write_register(self, rest: str) -> str:
        number, _, value = rest.partition("=")
        name = list(WIDTHS)[int(number, 16)]
        if name not in GENERAL:
            return FAILED
        self.bochs.command(f"set {name} = {int.from_bytes(bytes.fromhex(value), 'little'):#x}")
        self.registers = None
        return DONE

    def read_memory(self, rest: str) -> str:
        address, length = (int(number, 16) for number in rest.split(","))
        content = self.bochs.memory(address, length, self.physical)
        return FAILED if content is None else content.hex()

    def physical_mode(self, rest: str) -> str:
        self.physical = rest == "1"
        return DONE

    def set_breakpoint(self, rest: str) -> str:
        self.bochs.set_breakpoint(int(rest.split(",")[0], 16))
        return DONE

    def delete_breakpoint(self, rest: str) -> str:
        self.bochs.delete_breakpoint(int(rest.split(",")[0], 16))
        return DONE

    def step(self, _rest: str) -> str:
        self.registers = None
        self.bochs.command("s")
        return STOPPED

    def go_on(self, _rest: str) -> str:
        """Until a breakpoint, or until gdb sends Ctrl-C."""
        self.registers = None
        self.bochs.send("c")
        answer = STOPPED
        while not self.bochs.is_at_prompt():
            ready = select.select([self.bochs.fileno(), self.connection.fileno()], [], [])[0]
            if self.bochs.fileno() in ready:
                self.bochs.read()
            if self.connection.fileno() in ready:
                chunk = self.connection.recv(CHUNK)
                if not chunk:
                    raise BochsEnded
                self.received += chunk
                if CTRL_C in chunk:
                    answer = INTERRUPTED
                    self.bochs.interrupt()
        self.bochs.take()
        return answer


ACTIONS: dict[str, Callable[[GdbRemote, str], str]] = {
    "qSupported": lambda _remote, _rest: f"PacketSize={PACKET_BYTES:x};qXfer:features:read+",
    "qXfer:features:read:target.xml:": GdbRemote.features,
    "Qqemu.PhyMemMode:": GdbRemote.physical_mode,
    "qAttached": lambda _remote, _rest: "1",
    "?": lambda _remote, _rest: STOPPED,
    "H": lambda _remote, _rest: DONE,
    "D": lambda _remote, _rest: DONE,
    "g": GdbRemote.read_registers,
    "p": GdbRemote.read_register,
    "P": GdbRemote.write_register,
    "m": GdbRemote.read_memory,
    "Z0,": GdbRemote.set_breakpoint,
    "Z1,": GdbRemote.set_breakpoint,
    "z0,": GdbRemote.delete_breakpoint,
    "z1,": GdbRemote.delete_breakpoint,
    "s": GdbRemote.step,
    "c": GdbRemote.go_on,
}
"""By the packet's first letters."""


def serve_gdb(listener: socket.socket, bochs: BochsDebugger) -> None:
    """One gdb, which may connect now."""
    connection, _ = listener.accept()
    with connection:
        GdbRemote(connection, bochs).serve()


def listen(path: Path) -> socket.socket:
    """A Unix socket for gdb's `target remote`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    return listener
