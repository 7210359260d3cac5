"""`build.py run`: boot a machine, with the terminal as its console or until an expected text."""

import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from boot.machines.emulator import Emulator, start
from boot.machines.machine import Machine
from boot.machines.session import Session, output_stream
from boot.machines.terminal import keyboard
from boot.machines.watch import Outcome, watch_for

SUCCESS, FAILURE = 0, 1


@dataclass(frozen=True)
class Request:
    """What the user asked for. `expect` is `[VM:]TEXT`, `timeout` is in seconds, None without a limit."""

    expect: str | None = None
    timeout: float | None = None
    log: Path | None = None
    vm_names: tuple[str, ...] = ()


def run_machine(machine: Machine, request: Request) -> int:
    """The exit status: with `expect` 0 only if the text came, without it 1 only after a panic or at the limit."""
    leave_in_order_on_signals()
    with ExitStack() as stack:
        log: IO[bytes] | None = stack.enter_context(request.log.open("wb")) if request.log else None
        emulator = stack.enter_context(start(machine))
        session = Session(
            emulator=emulator,
            watch=watch_for(request.expect, list(request.vm_names)),
            deadline=None if request.timeout is None else time.monotonic() + request.timeout,
            show=stack.enter_context(output_stream()) if request.expect is None or sys.stdout.isatty() else None,
            log=log,
        )
        if request.expect is None:
            with keyboard() as keys:
                outcome = session.run(keys)
            return report_end(outcome, emulator)
        outcome = session.run()
        if outcome is Outcome.FOUND:
            return SUCCESS
        return report_failure(request, outcome, session)


def report_end(outcome: Outcome | None, emulator: Emulator) -> int:
    """The end of an interactive run. An emulator that ends by itself with status 0 was powered off."""
    if outcome is None:
        say("left the machine")
        return SUCCESS
    say(outcome.value)
    if outcome is Outcome.ENDED and emulator.exit_status() != 0:
        say(f"the emulator says:\n{emulator.messages().strip()}")
    return SUCCESS if outcome in (Outcome.STOPPED, Outcome.ENDED) else FAILURE


def report_failure(request: Request, outcome: Outcome | None, session: Session) -> int:
    """What was missing, why the run ended, and the last lines of the console."""
    reason = "the user left" if outcome is None else outcome.value
    if outcome is Outcome.TIME_LIMIT:
        reason += f" ({request.timeout:g} s)"
    print(session.tail(), file=sys.stderr)
    say(f"{request.expect!r} did not appear: {reason}")
    if outcome is Outcome.ENDED:
        say(f"the emulator says:\n{session.emulator.messages().strip()[-2000:]}")
    return FAILURE


def say(text: str) -> None:
    print(f"\nbuild.py: {text}", file=sys.stderr)


def leave_in_order_on_signals() -> None:
    """SIGTERM and SIGHUP unwind the stack like an exception: emulator killed, terminal restored."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
