"""Reading the console's output: the expected text, a panic, or the end of all guests, whichever comes first."""

from dataclasses import dataclass, field
from enum import Enum

PANIC = b"keelback: PANIC"
ALL_STOPPED = b"keelback: all guests have stopped"
MAX_LINE = 64 * 1024


class Outcome(Enum):
    """Why a run ended; the value is what a person reads."""

    FOUND = "the text was found"
    PANIC = "the monitor panicked"
    STOPPED = "all guests have stopped"
    ENDED = "the emulator has ended"
    TIME_LIMIT = "the time limit was reached"


@dataclass
class Watch:
    """Looks at the output line by line, also at a line that is not finished (a prompt).

    With more than one VM the monitor puts `[NAME] ` before each guest line; `prefix` is that text, or empty.
    """

    text: bytes | None = None
    prefix: bytes = b""
    line: bytearray = field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> Outcome | None:
        """Take what the console printed next; the first outcome in it, if any."""
        for piece in chunk.replace(b"\r", b"").splitlines(keepends=True):
            self.line += piece
            outcome = self.judge_line()
            if outcome is not None:
                return outcome
            if piece.endswith(b"\n"):
                self.line.clear()
            elif len(self.line) > MAX_LINE:
                del self.line[: MAX_LINE // 2]
        return None

    def judge_line(self) -> Outcome | None:
        if self.text is not None and self.line.startswith(self.prefix) and self.text in self.line:
            return Outcome.FOUND
        if self.line.startswith(PANIC):
            return Outcome.PANIC
        if self.line.startswith(ALL_STOPPED):
            return Outcome.STOPPED
        return None


def watch_for(expected: str | None, vm_names: list[str]) -> Watch:
    """A watch for `[VM:]TEXT`; the part before a colon is a VM only if a VM has that name."""
    if expected is None:
        return Watch()
    name, colon, rest = expected.partition(":")
    if colon and name in vm_names:
        prefix = f"[{name}] ".encode() if len(vm_names) > 1 else b""
        return Watch(rest.encode(), prefix)
    return Watch(expected.encode())
