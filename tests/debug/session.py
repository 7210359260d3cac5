"""One run of `build.py debug` with a script of gdb commands; what each of them printed."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


def debug(config: Path, commands: Sequence[str], *options: str) -> dict[str, str]:
    """By command, in full; of a command that stands there twice, the last one's."""
    script = config.with_suffix(".gdb")
    lines = ["set width 0", "set height 0"]
    for number, command in enumerate(commands):
        lines += [f"echo \\n@{number}@\\n", command]
    script.write_text("\n".join(lines) + "\necho \\n@end@\\n")
    line = [sys.executable, "build.py", "debug", str(config), "--script", str(script), "--timeout", str(SECONDS)]
    done = subprocess.run([*line, *options], cwd=ROOT, capture_output=True, text=True, timeout=3 * SECONDS, check=False)
    assert "@end@" in done.stdout, done.stdout + done.stderr
    found = re.findall(r"^@(\d+)@$(.*?)(?=^@)", done.stdout, re.DOTALL | re.MULTILINE)
    return {commands[int(number)]: text.strip() for number, text in found}


def place(file: str, text: str) -> str:
    """FILE:LINE of the first line that holds this text."""
    lines = (ROOT / file).read_text().splitlines()
    return f"{file}:{next(number for number, line in enumerate(lines, 1) if text in line)}"


def frames(backtrace: str) -> list[str]:
    """Names of functions and stubs, innermost first."""
    return re.findall(r"^#\d+ +(?:0x\w+ in )?([\w.<>]+) \(", backtrace, re.MULTILINE)
