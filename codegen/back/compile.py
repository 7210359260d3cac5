"""A program to an object, in a child process: LLVM ends its process at inline assembly that it cannot read."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from codegen.back.errors import BadAssembly, BadLlvmText
from codegen.back.llvm_text import ModuleText
from codegen.back.target import IMAGE, LOADER, UEFI, Target
from codegen.ir.nodes import Intrinsic, Program

TARGETS = {target.name: target for target in (IMAGE, LOADER, UEFI)}
_REPOSITORY = Path(__file__).resolve().parents[2]
_CACHE = _REPOSITORY / "build" / "objects"
_MARK = b"Keelback object\n"
_VERSION = version("llvmlite")


@dataclass(frozen=True, slots=True)
class Compiled:
    """`text` is the LLVM text before optimisation; `sites` are (kind, file, line) by trap number."""

    content: bytes
    text: str
    sites: tuple[tuple[str, str, int], ...]


def compile_program(
    program: Program, target: Target, *, level: int = 2, debug: bool = True, form: str = "object"
) -> Compiled:
    """The program as an object ("object"), as the target's assembly ("assembly") or as optimised LLVM text ("llvm").

    Raises BadAssembly naming the intrinsic, and BadLlvmText for a bug of ours.
    """
    module = ModuleText(program, target, debug=debug)
    text = module.text()
    content = run_child(text, target, level, form, tuple(program.intrinsics.values()))
    return Compiled(content, text, tuple(module.sites.all))


def run_child(text: str, target: Target, level: int, form: str, intrinsics: tuple[Intrinsic, ...]) -> bytes:
    """`emit` in another process, or what it gave for the same text before (build/objects, by content)."""
    key = hashlib.sha256(f"{_VERSION} {target} {level} {form}\n{text}".encode()).hexdigest()
    remembered = _CACHE / key
    if remembered.exists():
        return remembered.read_bytes()
    content = _start_child(text, target, level, form, intrinsics)
    _CACHE.mkdir(parents=True, exist_ok=True)
    written = remembered.with_suffix(f".{os.getpid()}")
    written.write_bytes(content)
    written.replace(remembered)
    return content


def _start_child(text: str, target: Target, level: int, form: str, intrinsics: tuple[Intrinsic, ...]) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "codegen.back.compile", target.name, str(level), form],
        input=text.encode(),
        capture_output=True,
        cwd=_REPOSITORY,
        check=False,
    )
    if done.returncode == 0 and done.stdout.startswith(_MARK):
        return done.stdout[len(_MARK) :]
    message = done.stderr.decode(errors="replace").strip()
    if "<inline asm>" in message:
        raise BadAssembly(f"{blamed(message, intrinsics)}: LLVM refuses the instruction\n{message}")
    raise BadLlvmText(message or f"LLVM ended with status {done.returncode}")


def blamed(message: str, intrinsics: tuple[Intrinsic, ...]) -> str:
    """The intrinsics one of whose lines LLVM shows in its message."""
    shown = [line.strip() for line in message.splitlines()]
    found = [
        intrinsic.symbol
        for intrinsic in intrinsics
        if any(_line_pattern(line).fullmatch(text) for line in _lines(intrinsic.template) for text in shown)
    ]
    return ", ".join(found) if found else "an intrinsic, or a runtime function"


def _lines(template: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\n;]", template) if line.strip()]


def _line_pattern(line: str) -> re.Pattern[str]:
    """The line with anything for its operands."""
    parts = re.split(r"\$\$|\$\{[^}]*\}|\$\d+", line)
    return re.compile(".*" + r"\S+".join(re.escape(part) for part in parts) + ".*")


def main() -> None:
    """The child: text on standard input, the product on standard output behind a mark."""
    name, level, form = sys.argv[1:]
    from codegen.back import emit  # LLVM is 180 MB; only the child needs it

    content = emit.emit(sys.stdin.read(), TARGETS[name], int(level), form)
    sys.stdout.buffer.write(_MARK + content)


if __name__ == "__main__":
    main()
