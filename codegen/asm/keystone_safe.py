"""The only caller of keystone: text that passed the lint to bytes, remembered by content under build/."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import keystone

from codegen.asm import lint
from codegen.asm.lint import Line, check, without_comments
from codegen.back.errors import BadAssembly

_MODES = {16: keystone.KS_MODE_16, 32: keystone.KS_MODE_32, 64: keystone.KS_MODE_64}
_CACHE = Path(__file__).resolve().parents[2] / "build" / "asm"
# What was accepted by other rules is looked at again.
_VERSION = keystone.__version__.encode() + b"".join(
    hashlib.sha256(Path(file).read_bytes()).digest() for file in (lint.__file__, __file__)
)
# A decimal number of two digits or more outside quotes.
_DECIMAL = re.compile(r'("[^"]*")|(?<![\w.])([1-9][0-9]+)(?![\w.])')


def assemble(text: str, bits: int, address: int = 0) -> bytes:
    """The bytes of Intel-syntax text that starts in this mode, for code at `address`.

    Raises BadAssembly for what the lint refuses and for what keystone does not understand.
    """
    key = hashlib.sha256(b"%s %d %d\n%s" % (_VERSION, bits, address, text.encode())).hexdigest()
    remembered = _CACHE / key
    if remembered.exists():
        return remembered.read_bytes()
    lines = check(text, bits)
    try:
        code = _run(without_comments(text), bits, address)
    except keystone.KsError as error:
        raise BadAssembly(f"{error}\n" + "\n".join(f"line {n}: {line}" for n, line in _culprits(lines))) from None
    _CACHE.mkdir(parents=True, exist_ok=True)
    written = remembered.with_suffix(f".{os.getpid()}")
    written.write_bytes(code)
    written.replace(remembered)
    return code


def _run(text: str, bits: int, address: int) -> bytes:
    # Never with a symbol resolver: it makes every decimal number hexadecimal and moves call targets by four.
    machine = keystone.Ks(keystone.KS_ARCH_X86, _MODES[bits])
    code, _ = machine.asm(in_hexadecimal(text), address, as_bytes=True)
    return bytes(code or b"")


def in_hexadecimal(text: str) -> str:
    """Every decimal number as a hexadecimal one: now and then keystone reads decimal digits in base 16, even without
    a resolver
    (seen: the same text gave `[rdx + 0x1528]` for `[rdx + 1528]` in one process and the right bytes in the next)."""
    return _DECIMAL.sub(lambda found: found[1] or hex(int(found[2])), text)


def _culprits(lines: list[Line]) -> list[tuple[int, str]]:
    """The statements that do not assemble by themselves, but for their labels."""
    found = []
    for line in lines:
        try:
            _run(line.text, line.bits, 0)
        except keystone.KsError as error:
            if error.errno != keystone.KS_ERR_ASM_SYMBOL_MISSING:
                found.append((line.number, line.text))
    return found
