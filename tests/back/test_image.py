from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from codegen.back.compile import compile_program
from codegen.back.errors import BadAssembly
from codegen.back.target import IMAGE
from codegen.ir.types import SPAN, U16
from codegen.link.image import ImageLayout, link_elf
from codegen.link.lld import LinkError
from tests.back.programs import (
    LOC,
    PTR,
    U8,
    U32,
    U64,
    VOID,
    binary,
    call,
    const,
    function,
    give,
    ir,
    local,
    program,
)  # fmt: skip

BASE = 0xFFFF_FFFF_8000_0000


def trap_function() -> ir.Function:
    site = local(0)
    words = ir.Evaluate(call("trap_site_file", SPAN, site), LOC)
    body = (words, ir.Evaluate(call("stop", VOID, call("trap_site_line", U32, site)), LOC), ir.Unreachable(LOC))
    return ir.Function("trap", "trap", (site,), VOID, body, (), LOC, exported=True, noreturn=True)


def machine_program() -> ir.Program:
    x = local(0)
    byte = ir.PortRead(const(0x3FD, U16), U8, LOC)
    made = program(
        function(
            "start", (x,), U32,
            ir.PortWrite(const(0x3F8, U16), byte, LOC),
            ir.MemoryCopy(ir.Symbol("target", LOC), ir.Symbol("__text_start", LOC), const(64, U64), LOC),
            give(binary("add", x, call("assembled", U32))),
            exported=True,
        ),
        trap_function(),
    )  # fmt: skip
    made.intrinsics["stop"] = ir.Intrinsic("stop", "hlt", "{di}", (U32,), VOID, print)
    made.data["target"] = ir.Data("target", 64, 4096, None, False, section=".bss.pages", hidden=True)
    code = b"\xe8\0\0\0\0\xc3\xcc\xcc" + bytes(12)
    slots = (
        ir.Relocation(1, "start", -4, "pc32"), ir.Relocation(8, "start"), ir.Relocation(16, "start", 2 - BASE, "abs32")
    )  # fmt: skip
    made.stubs["assembled"] = ir.Stub("assembled", code, slots, (), U32)
    return made


def linked(made: ir.Program, folder: Path, **layout: str) -> ELFFile:
    built = folder / "image.o"
    built.write_bytes(compile_program(made, IMAGE).content)
    image = link_elf([built], folder / "image.elf", ImageLayout(0x20_0000, "start", **layout))
    return ELFFile(image.open("rb"))


def symbols(image: ELFFile) -> dict[str, int]:
    return {s.name: s["st_value"] for s in image.get_section_by_name(".symtab").iter_symbols()}


def memory(image: ELFFile, address: int, size: int) -> bytes:
    for segment in image.iter_segments():
        if segment["p_type"] == "PT_LOAD" and segment["p_vaddr"] <= address < segment["p_vaddr"] + segment["p_filesz"]:
            start = address - segment["p_vaddr"]
            return bytes(segment.data()[start : start + size])
    raise AssertionError(hex(address))


def test_an_image_has_one_segment_per_permission_at_its_physical_address(tmp_path: Path) -> None:
    image = linked(machine_program(), tmp_path, pvh_entry="assembled")
    loads = [s for s in image.iter_segments() if s["p_type"] == "PT_LOAD"]
    assert [s["p_flags"] for s in loads] == [5, 4, 6]
    assert all(s["p_vaddr"] - s["p_paddr"] == BASE - 0x20_0000 and s["p_vaddr"] % 4096 == 0 for s in loads)
    names = symbols(image)
    assert names["__image_start"] == BASE == names["__text_start"]
    bounds = [
        names[n] for n in ("__text_end", "__rodata_start", "__rodata_end", "__data_end", "__bss_end", "__image_end")
    ]
    assert bounds == sorted(bounds) and names["target"] % 4096 == 0


def test_a_pvh_loader_finds_the_physical_entry(tmp_path: Path) -> None:
    image = linked(machine_program(), tmp_path, pvh_entry="assembled")
    (note,) = [s for s in image.iter_segments() if s["p_type"] == "PT_NOTE"]
    entry = symbols(image)["assembled"] - BASE + 0x20_0000
    assert note.data() == b"\4\0\0\0\4\0\0\0\x12\0\0\0Xen\0" + entry.to_bytes(4, "little")


def test_stubs_are_linked_to_functions_and_data(tmp_path: Path) -> None:
    image = linked(machine_program(), tmp_path)
    names = symbols(image)
    code = memory(image, names["assembled"], 20)
    call_target = names["assembled"] + 5 + int.from_bytes(code[1:5], "little", signed=True)
    assert call_target % (1 << 64) == names["start"]
    assert int.from_bytes(code[8:16], "little") == names["start"]
    assert int.from_bytes(code[16:20], "little") == names["start"] + 2 - BASE
    assert names["__text_start"] <= names["assembled"] < names["__text_end"]


def test_an_undefined_symbol_and_an_unknown_section_are_link_errors(tmp_path: Path) -> None:
    made = machine_program()
    made.functions["start"] = function("start", (), PTR, give(ir.Symbol("nowhere", LOC)), exported=True)
    with pytest.raises(LinkError, match="nowhere"):
        linked(made, tmp_path)
    made = machine_program()
    made.data["target"] = ir.Data("target", 64, 8, None, False, section="elsewhere", hidden=True)
    with pytest.raises(LinkError, match="elsewhere"):
        linked(made, tmp_path)


def test_a_wrong_instruction_names_its_intrinsic() -> None:
    made = machine_program()
    made.intrinsics["stop"] = ir.Intrinsic("stop", "halt_now $0", "r", (U32,), VOID, print)
    with pytest.raises(BadAssembly, match="^stop: "):
        compile_program(made, IMAGE)


def test_ring_0_code_uses_no_vector_register() -> None:
    big = ir.MemoryFill(ir.Symbol("target", LOC), const(0, U8), const(64, U64), LOC)
    made = machine_program()
    made.functions["start"] = function("start", (), VOID, big, ir.Return(None, LOC), exported=True)
    assert "mm0" not in compile_program(made, IMAGE, form="assembly").content.decode()


def test_the_same_program_gives_the_same_object() -> None:
    assert compile_program(machine_program(), IMAGE).content == compile_program(machine_program(), IMAGE).content
