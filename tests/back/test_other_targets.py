from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from codegen.back.compile import compile_program
from codegen.back.target import LOADER, UEFI
from codegen.ir.types import I64, Aggregate
from codegen.link.efi import link_efi
from codegen.link.flat import FlatLayout, link_flat32
from codegen.link.lld import LinkError
from tests.back.programs import (
    LOC,
    PTR,
    U8,
    U32,
    U64,
    VOID,
    assign,
    binary,
    compare,
    const,
    function,
    give,
    ir,
    local,
    program,
)  # fmt: skip


def wide_program() -> ir.Program:
    a, b = local(0, U64), local(1, U64)
    s, t = local(0, I64), local(1, I64)
    cells = ir.Symbol("cells", LOC)
    pair = Aggregate((PTR, U64))
    made = program(
        *(
            function(name, (a, b), U64, give(binary(name, a, b, False)), exported=True)
            for name in ("mul", "div", "rem", "shl", "shr")
        ),
        function("product", (s, t), I64, give(binary("mul", s, t)), exported=True),
        function("fill", (a,), VOID, ir.MemoryFill(cells, const(7, U8), a, LOC), ir.Return(None, LOC), exported=True),
        function(
            "copy",
            (a,),
            VOID,
            ir.MemoryCopy(cells, ir.Offset(cells, 64, LOC), a, LOC),
            ir.Return(None, LOC),
            exported=True,
        ),
        function("span", (a,), pair, give(ir.MakeAggregate((cells, a), pair, LOC)), exported=True),
        function(
            "equal",
            (a,),
            U32,
            give(ir.Convert(ir.MemoryEqual(cells, ir.Offset(cells, 64, LOC), a, LOC), U32, False, LOC)),
            exported=True,
        ),
    )
    made.data["cells"] = ir.Data("cells", 128, 16, None, False, hidden=True)
    made.data["words"] = ir.Data(
        "words", 8, 8, bytes(8), True, hidden=True, relocations=(ir.Relocation(0, "cells", 4),)
    )
    return made


def flat(made: ir.Program, folder: Path, limit: int = 0x7000) -> object:
    built = folder / "loader.o"
    built.write_bytes(compile_program(made, LOADER).content)
    return link_flat32([built], folder / "loader.elf", FlatLayout(0x8400, 0x10000, "fill", limit))


def test_the_loader_is_flat_code_with_its_zeroed_data_elsewhere(tmp_path: Path) -> None:
    image = flat(wide_program(), tmp_path)
    assert 0x8400 <= image.entry < 0x8400 + len(image.code)
    assert (image.bss, image.bss_size) == (0x10000, 128)
    assert (0x10004).to_bytes(8, "little") in image.code


def test_a_loader_that_does_not_fit_is_a_link_error(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="bytes of code"):
        flat(wide_program(), tmp_path, limit=16)


NUMBERS = [0, 1, 2, 7, 63, 1000000007, 0xFFFF_FFFF, 1 << 32, 0x123_4567_89AB_CDEF, 1 << 63, (1 << 64) - 1]
EXIT = ir.Intrinsic("exit", "int $$0x80", "{ax},{bx}", (U32, U32), VOID, print)


def checking_program() -> ir.Program:
    """Exits (Linux, 32-bit system call 1) with 0, or with the number of the operator whose result is wrong."""
    mask = (1 << 64) - 1
    rows = [
        [a, b, a * b & mask, a // b, a % b, a << (b & 63) & mask, a >> (b & 63)]
        for a, b in itertools.product(NUMBERS, [n for n in NUMBERS if n])
    ]
    i = local(0)
    row = ir.Index(ir.Symbol("rows", LOC), i, 56, None, LOC)
    cells = [ir.Load(ir.Offset(row, 8 * n, LOC), U64, 4, LOC, volatile=True) for n in range(7)]

    def leave(code: int) -> tuple[ir.Stmt, ...]:
        return (ir.Evaluate(ir.Call("exit", (const(1), const(code)), VOID, LOC), LOC), ir.Unreachable(LOC))

    checks = tuple(
        ir.If(compare("ne", binary(name, cells[0], cells[1], False), cells[2 + n]), leave(1 + n), (), LOC)
        for n, name in enumerate(("mul", "div", "rem", "shl", "shr"))
    )
    step = (assign(i, binary("add", i, const(1))),)
    pool, size = ir.Symbol("pool", LOC), const(40, U64)
    moved = ir.Offset(pool, 64, LOC)
    memory = (
        ir.MemoryFill(pool, const(7, U8), ir.Load(ir.Symbol("size", LOC), U64, 4, LOC, volatile=True), LOC),
        ir.If(ir.MemoryEqual(pool, moved, size, LOC), leave(6), (), LOC),
        ir.MemoryCopy(moved, pool, ir.Load(ir.Symbol("size", LOC), U64, 4, LOC, volatile=True), LOC),
        ir.If(ir.MemoryEqual(pool, moved, size, LOC), leave(0), leave(7), LOC),
    )
    loop = ir.Loop(compare("lt", i, const(len(rows))), checks, step, LOC)
    made = program(function("start", (), VOID, assign(i, const(0)), loop, *memory, locals=(i,), exported=True))
    made.intrinsics["exit"] = EXIT
    packed = b"".join(cell.to_bytes(8, "little") for cells in rows for cell in cells)
    made.data["rows"] = ir.Data("rows", len(packed), 8, packed, True)
    made.data["size"] = ir.Data("size", 8, 8, (40).to_bytes(8, "little"), True)
    made.data["pool"] = ir.Data("pool", 128, 8, None, False)
    return made


@pytest.mark.parametrize("level", [0, 2])
def test_64_bit_arithmetic_and_memory_functions_work_on_32_bits(level: int, tmp_path: Path) -> None:
    built = tmp_path / "check.o"
    built.write_bytes(compile_program(checking_program(), LOADER, level=level).content)
    subprocess.run(["ld.lld", "-m", "elf_i386", "-e", "start", "-o", tmp_path / "check", built], check=True)
    try:
        assert subprocess.run([tmp_path / "check"]).returncode == 0
    except OSError:
        pytest.skip("this kernel runs no 32-bit programs")


def test_a_uefi_application_is_pe_with_relocations_and_executable_stubs(tmp_path: Path) -> None:
    made = wide_program()
    made.stubs["leave"] = ir.Stub("leave", b"\x48\xb8" + bytes(8) + b"\xe9\0\0\0\0", (
        ir.Relocation(2, "cells"), ir.Relocation(11, "fill", -4, "pc32")), (), VOID)  # fmt: skip
    body = (ir.Evaluate(ir.Call("leave", (), VOID, LOC), LOC), give(const(0, U64)))
    made.functions["efi_main"] = function("efi_main", (local(0, U64), local(1, U64)), U64, *body, exported=True)
    built = tmp_path / "boot.obj"
    built.write_bytes(compile_program(made, UEFI).content)
    content = link_efi([built], tmp_path / "BOOTX64.EFI", "efi_main").read_bytes()
    header = int.from_bytes(content[0x3C:0x40], "little")
    assert content[:2] == b"MZ" and content[header : header + 4] == b"PE\0\0"
    assert int.from_bytes(content[header + 24 + 68 : header + 24 + 70], "little") == 10
    names = [content[i : i + 8].rstrip(b"\0") for i in range(header + 24 + 240, header + 24 + 240 + 40 * 6, 40)]
    assert b".text" in names and b".reloc" in names and b".stub" not in names
    assert b"\x48\xb8" in content and b"\x0f\x04\x0f" not in content
