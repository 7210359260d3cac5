"""`build.py debug`: a machine that is halted before its first instruction, and gdb attached to it."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from boot.machines.bochs_debugger import bochs_debugger
from boot.machines.emulator import die_with, start
from boot.machines.gdb_remote import listen, serve_gdb
from boot.machines.machine import Host, Machine, MachineError

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 65536


@dataclass(frozen=True)
class Session:
    """`module` is a Python module of this tree that gdb imports, and whose `begin` it calls once it is connected.

    `script` holds gdb's commands in place of a terminal. The guests' console goes to `log`. `timeout` is in seconds.
    """

    image: Path
    module: str
    log: Path
    script: Path | None = None
    timeout: float | None = None


def debug_machine(machine: Machine, session: Session) -> int:
    """gdb's exit status. MachineError when it did not end in time."""
    signal.signal(signal.SIGINT, leave_to_gdb)
    session.log.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="keelback-debug-") as folder:
        path = Path(folder) / "gdb"
        with (debug_bochs if machine.host is Host.BOCHS else debug_qemu)(machine, path) as serial:
            in_background(keep_console, serial, session.log)
            return run_gdb(session, str(path))


@contextmanager
def debug_qemu(machine: Machine, path: Path) -> Iterator[socket.socket]:
    """QEMU, halted, which serves gdb at this Unix socket; gives COM1."""
    halted = ("-S", "-gdb", f"unix:{path},server=on,wait=off")
    with start(replace(machine, arguments=(*machine.arguments, *halted))) as emulator:
        yield emulator.serial


@contextmanager
def debug_bochs(machine: Machine, path: Path) -> Iterator[socket.socket]:
    """Bochs at its debugger's prompt, behind which we serve gdb; gives COM1."""
    with listen(path) as listener, bochs_debugger(machine) as bochs:
        in_background(serve_gdb, listener, bochs)
        yield bochs.serial


def in_background(work: Callable[..., None], *arguments: object) -> None:
    """Until it ends by itself, or with the process."""
    threading.Thread(target=work, args=arguments, daemon=True).start()


def leave_to_gdb(_number: int, _frame: object) -> None:
    """Ctrl-C stops the machine, which is gdb's to do. A handler, because children inherit what is ignored."""


def keep_console(serial: socket.socket, log: Path) -> None:
    """Copies COM1 to a file: an emulator whose console nobody reads stands still."""
    with log.open("wb", buffering=0) as file:
        while True:
            try:
                chunk = serial.recv(CHUNK)
            except OSError:
                return
            if not chunk:
                return
            file.write(chunk)


def run_gdb(session: Session, remote: str) -> int:
    """gdb in the tree's root, where the relative paths of the debug information start."""
    process = subprocess.Popen(gdb_command(session, remote), cwd=ROOT, preexec_fn=die_with(os.getpid()))
    try:
        return process.wait(session.timeout)
    except subprocess.TimeoutExpired:
        raise MachineError(f"gdb did not end within {session.timeout:g} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def gdb_command(session: Session, remote: str) -> list[str]:
    """Without the user's own start-up files in a script, which is to do the same everywhere."""
    begin = [
        "set confirm off",
        "set tcp connect-timeout 60",
        f"target remote {remote}",
        f"python import sys; sys.dont_write_bytecode = True; sys.path.insert(0, {str(ROOT)!r})",
        f"python import {session.module} as session; session.begin()",
    ]
    command = ["gdb", "-q", *(["-nx", "-batch"] if session.script else [])]
    # Symbols have Python's names, which some demanglers take for theirs.
    command += ["-iex", "set demangle-style none", str(session.image)]
    command += [word for line in begin for word in ("-ex", line)]
    return command + (["-x", str(session.script.resolve())] if session.script else [])
