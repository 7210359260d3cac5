from __future__ import annotations

from pathlib import Path

from elftools.elf.elffile import ELFFile

from codegen.back.compile import compile_program
from codegen.back.target import IMAGE
from codegen.ir.types import U32
from codegen.lang import host, phys, u64
from codegen.lang.symbol_file import LINE_BITS, SYMBOL_FILE_MAGIC, SymbolFile, SymbolFunction, SymbolLine, SymbolSource
from codegen.link.image import ImageLayout, link_elf
from codegen.link.symbols import write_symbols
from tests.back.programs import binary, const, give, ir, local, program


def test_an_address_is_found_by_function_file_and_line(tmp_path: Path) -> None:
    x = local(0)
    loc = ir.Loc("hypervisor/some/file.py", 1234, 5)
    step = ir.Binary("add", x, ir.Call("other", (x,), U32, loc), U32, False, loc)
    made = program(
        ir.Function("start", "start", (x,), U32, (give(step),), (), loc, exported=True),
        ir.Function(
            "other", "other", (x,), U32, (give(binary("mul", x, const(3), False, 77)),), (), loc, noinline=True
        ),
    )
    built = tmp_path / "image.o"
    built.write_bytes(compile_program(made, IMAGE).content)
    image = link_elf([built], tmp_path / "image.elf", ImageLayout(0x20_0000, "start"))
    content = write_symbols(image, [built], tmp_path / "image.sym").read_bytes()

    place = host.memory.allocate(len(content))
    host.memory.write(place, content)
    header = phys(SymbolFile, place)
    assert header.magic == SYMBOL_FILE_MAGIC and header.size == len(content)

    def entries(layout: type, offset: object, count: object) -> list[object]:
        size = layout.__layout__.size
        return [phys(layout, place + u64(int(offset) + i * size)) for i in range(int(count))]

    def text(entry: object) -> str:
        return content[int(entry.name) : int(entry.name) + int(entry.name_length)].decode()

    functions = entries(SymbolFunction, header.functions, header.function_count)
    starts = [int(f.start) for f in functions]
    assert starts == sorted(starts) and {"start", "other", "memcpy"} <= {text(f) for f in functions}
    with image.open("rb") as file:
        names = {s.name: s["st_value"] for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}
    start = names["start"] - int(header.base)
    assert [text(f) for f in functions if f.start <= start < f.end] == ["start"]

    lines = entries(SymbolLine, header.lines, header.line_count)
    sources = [text(s) for s in entries(SymbolSource, header.files, header.file_count)]
    inside = [line for line in lines if start <= int(line.start) < start + 64]
    found = {(sources[int(line.place) >> LINE_BITS], int(line.place) & (1 << LINE_BITS) - 1) for line in inside}
    assert ("hypervisor/some/file.py", 1234) in found
    assert ("source.py", 77) in {
        (sources[int(line.place) >> LINE_BITS], int(line.place) & (1 << LINE_BITS) - 1) for line in lines
    }
