"""Stub templates: jinja2 with the layouts' constants, relocation slots, and macros for what keystone cannot write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2

from codegen.asm.lint import NAMED
from codegen.ir.nodes import Relocation

_ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)

_FAR_JUMP = {
    16: ".byte 0x66, 0xea\n.long {label}\n.word {selector}",
    32: ".byte 0xea\n.long {label}\n.word {selector}",
}


class Slots:
    """The places of one stub that the linker fills: `{{ call("x") }}`, `{{ jmp("x") }}`, `{{ quad("x") }}`,
    `{{ long("x") }}` (32 bits of an address). What is called must be among the `externals`, which the compiler reaches.
    """

    def __init__(self, externals: tuple[str, ...]) -> None:
        self._externals = externals
        self._slots: list[tuple[str, str, int]] = []

    def macros(self) -> dict[str, Callable[..., str]]:
        return {
            "call": lambda symbol: ".byte 0xe8\n" + self._branch(symbol),
            "jmp": lambda symbol: ".byte 0xe9\n" + self._branch(symbol),
            "quad": lambda symbol, addend=0: self._slot(symbol, "abs64", addend, ".quad"),
            "long": lambda symbol, addend=0: self._slot(symbol, "abs32", addend, ".long"),
        }

    def _branch(self, symbol: str) -> str:
        if symbol not in self._externals:
            raise NameError(f"{symbol} is not among the stub's externals")
        return self._slot(symbol, "pc32", -4, ".long")

    def _slot(self, symbol: str, kind: str, addend: int, directive: str) -> str:
        self._slots.append((symbol, kind, addend))
        return f"slot.{len(self._slots) - 1}: {directive} 0"

    def table(self) -> str:
        """Lines behind the code that make the assembler tell where the slots are; `split` takes them off again."""
        return "".join(f"\n.quad slot.{number}" for number in range(len(self._slots)))

    def split(self, code: bytes) -> tuple[bytes, tuple[Relocation, ...]]:
        """The code, and its relocations."""
        end = len(code) - 8 * len(self._slots)
        offsets = [int.from_bytes(code[at : at + 8], "little") for at in range(end, len(code), 8)]
        relocations = (
            Relocation(offset, symbol, addend, kind)
            for offset, (symbol, kind, addend) in zip(offsets, self._slots, strict=True)
        )
        return code[:end], tuple(relocations)


def render(template: str, constants: dict[str, Any], slots: Slots) -> str:
    """The text with everything filled in. jinja2.UndefinedError for a name that has no value."""
    return _ENVIRONMENT.from_string(template).render({**_MACROS, **slots.macros(), **constants})


def instruction(name: str) -> str:
    """An instruction that keystone does not know."""
    if name not in NAMED:
        raise NameError(f"{name} is none of {', '.join(sorted(NAMED))}")
    return ".byte " + ", ".join(f"{byte:#04x}" for byte in NAMED[name])


def far_jump(selector: int, label: str, bits: int = 32) -> str:
    """To a 32-bit offset, in 32-bit code or (bits=16) from 16-bit code."""
    return _FAR_JUMP[bits].format(selector=selector, label=label)


def lgdt32(label: str) -> str:
    """LGDT of an absolute address, in 32-bit code."""
    return f".byte 0x0f, 0x01, 0x15\n.long {label}"


def lidt32(label: str) -> str:
    """LIDT of an absolute address, in 32-bit code."""
    return f".byte 0x0f, 0x01, 0x1d\n.long {label}"


def gs_load(register: str, offset: int) -> str:
    """From per-CPU data, in 64-bit code."""
    return f"mov {register}, gs:[riz*1 + {offset:#x}]"


def gs_store(offset: int, register: str) -> str:
    """To per-CPU data, in 64-bit code."""
    return f"mov gs:[riz*1 + {offset:#x}], {register}"


_MACROS: dict[str, Any] = {each.__name__: each for each in (instruction, far_jump, lgdt32, lidt32, gs_load, gs_store)}
