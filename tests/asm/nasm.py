"""The second assembler: text for keystone in nasm's dialect."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from codegen.asm.lint import NEEDS_OPERAND, without_comments
from codegen.inspect.machine_code import is_padding
from tests.asm.recorded import Assembled

DIRECTIVES = {
    ".byte": "db", ".word": "dw", ".short": "dw", ".long": "dd", ".quad": "dq", ".ascii": "db",
    ".code16": "bits 16", ".code32": "bits 32", ".code64": "bits 64",
}  # fmt: skip
_HERE = re.compile(r"(?<![\w.])[.](?!\w)")
_ACCUMULATOR = re.compile(r"\b(?:al|ax|eax)\b")
_LABEL_ADDRESS = re.compile(r"\[(?=(?!(?:bx|bp|si|di|e\w\w)\b)[A-Za-z_])")
_STATEMENT = re.compile(r'\s*((?:[A-Za-z_$.][\w$.]*:(?!:)\s*)*)([^;"\s]*)((?:"(?:[^"\\]|\\.)*"|[^;"])*)')


def nasm(text: str, bits: int, address: int, folder: Path, fill: int = 0x90) -> bytes:
    """The bytes that nasm makes of it, `fill` wherever it aligns. Every warning is an error."""
    source, out = folder / "source.asm", folder / "out"
    lines = [f"bits {bits}", f"org {address:#x}", f"%define FILL {fill:#x}", *translated(text, bits)]
    source.write_text("\n".join(lines) + "\n")
    command = ["nasm", "-Werror", "-w-number-overflow", "-w-label-orphan", "-f", "bin", "-o", out, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


def difference(text: str, bits: int, address: int, code: bytes, folder: Path) -> str | None:
    """What keystone made otherwise than nasm, in words. Where it aligns, any NOPs are right."""
    first, second = (nasm(text, bits, address, folder, fill) for fill in (0x90, 0xCC))
    if len(first) != len(code):
        return f"{len(code)} bytes, by nasm {len(first)}"
    here = 0
    while here < len(code):
        end = here
        while end < len(code) and first[end] != second[end]:
            end += 1
        if end > here:
            if not any(is_padding(code[here:end], mode) for mode in (32, 64)):
                return f"{code[here:end].hex()} at {here:#x} aligns"
            here = end
        elif code[here : here + 2] == b"\x67\x66" and first[here : here + 2] == b"\x66\x67":
            here += 2  # the same two prefixes
        elif first[here] != code[here]:
            return f"{code[here : here + 8].hex()} at {here:#x}, by nasm {first[here : here + 8].hex()}"
        else:
            here += 1
    return None


def differences(texts: Sequence[Assembled], folder: Path) -> list[str]:
    """Of all these, in words, with the text."""
    found = [(each.text, difference(each.text, each.bits, each.address, each.code, folder)) for each in texts]
    return [f"{words} in\n{text}" for text, words in found if words is not None]


def translated(text: str, bits: int) -> list[str]:
    """One statement a line."""
    lines = []
    mode = bits
    for line in without_comments(text).splitlines():
        for labels, word, operands in _STATEMENT.findall(line):
            if labels or word:
                lines.append(f"{labels.strip()} {statement(word, operands.strip(), mode)}")
            if word.startswith(".code"):
                mode = int(word[5:])
    return lines


def statement(word: str, operands: str, mode: int) -> str:
    """One instruction or directive."""
    if word == ".asciz":
        return "db " + text_operand(operands) + ", 0"
    if word == ".ascii":
        return "db " + text_operand(operands)
    if word == ".skip":
        return f"times {operands} db 0"
    if word == ".balign":
        return f"align {operands}, db FILL"
    if word in DIRECTIVES:
        return f"{DIRECTIVES[word]} {_HERE.sub('$', operands)}"
    operands = operands.replace(" ptr ", " ").replace("[rip + ", "[rel ")
    operands = re.sub(r"gs:\[riz\s*\*\s*1 \+ ", "[gs:", operands)
    if word in NEEDS_OPERAND:
        return word  # nasm knows no other operands for them
    word = {"retfq": "o64 retf", "ljmp": "jmp"}.get(word, word)
    if mode == 16 and not (word == "mov" and _ACCUMULATOR.search(operands)):
        operands = _LABEL_ADDRESS.sub("[dword ", operands)  # keystone's choice, 67h and 32 bits; but for moffs
    if mode == 16 and word == "call":
        operands = f"dword {operands}"  # near calls and returns that keystone makes four bytes wide, both
    if mode == 16 and word == "ret":
        word = "o32 ret"
    return f"{word} {operands}".strip()


def text_operand(operands: str) -> str:
    """A string with escapes: nasm knows those of C in backquotes."""
    return f"`{operands[1:-1]}`"
