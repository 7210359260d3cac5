"""A running emulator: started with its serial console connected, and never outliving us."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from boot.machines import bochs, qemu
from boot.machines.ctl_bridge import bridge, listen
from boot.machines.machine import Host, Machine, MachineError

CONNECT_SECONDS = 60
PR_SET_PDEATHSIG = 1


@dataclass
class Emulator:
    """A started machine. `serial` is COM1, both ways; end of file there means that the emulator has ended."""

    process: subprocess.Popen[bytes]
    serial: socket.socket
    messages_file: Path

    def messages(self) -> str:
        """What the emulator itself printed (not the guest)."""
        return self.messages_file.read_text(errors="replace")

    def exit_status(self) -> int:
        """Wait for the emulator's end. 2 * V + 1 after a write of V to QEMU's debug-exit port."""
        return self.process.wait()


@contextmanager
def start(machine: Machine) -> Iterator[Emulator]:
    """Run `machine` for the length of the `with` block; on every way out the emulator is killed and reaped."""
    with tempfile.TemporaryDirectory(prefix="keelback-machine-") as name:
        scratch = Path(name)
        begin = start_bochs if machine.host is Host.BOCHS else start_qemu
        emulator = begin(machine, scratch)
        try:
            yield emulator
        finally:
            end(emulator)
            if machine.ctl is not None:
                machine.ctl.unlink(missing_ok=True)
            if machine.host is Host.BOCHS:
                bochs.unlock(machine.disks)


def start_qemu(machine: Machine, scratch: Path) -> Emulator:
    if machine.ctl is not None:
        machine.ctl.parent.mkdir(parents=True, exist_ok=True)
    ours, theirs = socket.socketpair()
    with theirs:
        command = qemu.qemu_command(machine, theirs.fileno(), scratch)
        messages = scratch / "messages"
        process = spawn(command, messages, dict(os.environ), (theirs.fileno(),))
    return Emulator(process, ours, messages)


def start_bochs(machine: Machine, scratch: Path) -> Emulator:
    messages = scratch / "messages"
    with ExitStack() as stack:
        count = 1 if machine.ctl is None else 2
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        ports = tuple(listener.getsockname()[1] for listener in listeners)
        command = bochs.bochs_command(machine, ports, scratch)
        process = spawn(command, messages, bochs.environment(), folder=scratch)  # some devices of Bochs write files
        try:
            serial, *others = [accept_from(process, listener) for listener in listeners]
            for other in others:
                assert machine.ctl is not None
                bridge(listen(machine.ctl), other)
        except BaseException as error:
            kill(process)
            if isinstance(error, TimeoutError):
                raise MachineError(f"Bochs did not start:\n{messages.read_text(errors='replace')}") from error
            raise
    return Emulator(process, serial, messages)


def accept_from(process: subprocess.Popen[bytes], listener: socket.socket) -> socket.socket:
    """Bochs' serial connection; TimeoutError if it ended before, or did not connect in time."""
    listener.settimeout(0.2)
    for _ in range(int(CONNECT_SECONDS / 0.2)):
        try:
            connection, _address = listener.accept()
        except TimeoutError:
            if process.poll() is not None:
                break
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(None)
            return connection
    raise TimeoutError


def spawn(
    command: list[str],
    messages: Path,
    environment: dict[str, str],
    inherited: tuple[int, ...] = (),
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in its own process group, tied to our life; its messages go to a file. `folder`: it runs there,
    else where we do."""
    if shutil.which(command[0]) is None:
        raise MachineError(f"{command[0]} is not in PATH; ./build.py says what to install")
    with messages.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            pass_fds=inherited,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )


def die_with(parent: int) -> Callable[[], None]:
    """For the child, before exec: have the kernel kill it when its parent dies, even by SIGKILL (prctl(2))."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before prctl
            os._exit(1)

    return arrange


def end(emulator: Emulator) -> None:
    """Kill the emulator if it still runs, and close the console."""
    kill(emulator.process)
    emulator.serial.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the emulator's process group, which is named by its own pid."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
