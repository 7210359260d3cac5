"""`build.py debug`: a machine that is halted before its first instruction, and gdb attached to it."""

import os
import signal
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from boot.machines.emulator import Emulator, die_with, start
from boot.machines.machine import Machine, MachineError

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
    with ExitStack() as stack:
        socket = Path(stack.enter_context(TemporaryDirectory(prefix="keelback-debug-"))) / "gdb"
        halted = ("-S", "-gdb", f"unix:{socket},server=on,wait=off")
        emulator = stack.enter_context(start(replace(machine, arguments=(*machine.arguments, *halted))))
        threading.Thread(target=keep_console, args=(emulator, session.log), daemon=True).start()
        return run_gdb(session, str(socket))


def leave_to_gdb(_number: int, _frame: object) -> None:
    """Ctrl-C stops the machine, which is gdb's to do. A handler, because children inherit what is ignored."""


def keep_console(emulator: Emulator, log: Path) -> None:
    """Copies COM1 to a file: an emulator whose console nobody reads stands still."""
    with log.open("wb", buffering=0) as file:
        while True:
            try:
                chunk = emulator.serial.recv(CHUNK)
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
