"""The pipeline: from functions of the language to a linked file. The passes, in order, one line each."""

from __future__ import annotations

from pathlib import Path

from codegen.back.compile import compile_program
from codegen.front.lower import lower_program
from codegen.incremental.build import IncrementalBuild
from codegen.incremental.memo import load_memo
from codegen.ir.line_marks import with_reports
from codegen.ir.nodes import Program
from codegen.ir.partition import partition
from codegen.ir.verify import verify
from codegen.link.efi import link_efi
from codegen.link.flat import FlatImage, FlatLayout, link_flat32
from codegen.link.image import ImageLayout, link_elf
from codegen.link.symbols import write_symbols
from codegen.sources import CompileErrors as CompileErrors
from codegen.sources import Sources as Sources


def lower(sources: Sources) -> Program:
    """The verified IR. Raises CompileErrors, and BadAssembly for a stub."""
    program, diagnostics = lower_program(sources.roots, sources.modules, sources.target_info())
    if diagnostics:
        raise CompileErrors(diagnostics)
    verify(program)
    return program


def build_object(sources: Sources, output: Path) -> Path:
    """The object file. Raises what `lower` does, and BadAssembly for an intrinsic."""
    output.parent.mkdir(parents=True, exist_ok=True)
    program = lower(sources)
    if sources.coverage:
        program, lines = with_reports(program)
        output.with_suffix(".lines").write_text("".join(f"{file}:{line}\n" for file, line in lines))
    compiled = compile_program(program, sources.target, level=sources.level, debug=sources.debug)
    output.write_bytes(compiled.content)
    return output


def build_image(sources: Sources, layout: ImageLayout, output: Path) -> Path:
    """An ELF image, and beside it its symbol file (`.sym`) and what the next build remembers of this one (`.memo`).

    Raises what `build_object` does, and LinkError.
    """
    if sources.coverage:  # numbers its lines through the whole program
        objects = [build_object(sources, output.with_suffix(".o"))]
    else:
        objects = build_units(sources, output.with_suffix(".memo"))
    link_elf(objects, output, layout)
    write_symbols(output, objects, output.with_suffix(".sym"))
    return output


def build_units(sources: Sources, remembered: Path) -> list[Path]:
    """The program's units and what they share, as objects in the order of linking."""
    memo = load_memo(remembered)
    build = IncrementalBuild(sources, memo)
    units = partition(build.summaries(), build.entries())
    objects = build.objects(units)
    memo.save(remembered)
    return objects


def build_flat(sources: Sources, layout: FlatLayout, output: Path) -> FlatImage:
    """Flat 32-bit code; `output` is its ELF file."""
    return link_flat32([build_object(sources, output.with_suffix(".o"))], output, layout)


def build_efi(sources: Sources, entry: str, output: Path) -> Path:
    """A UEFI application that starts at the exported function `entry`."""
    return link_efi([build_object(sources, output.with_suffix(".obj"))], output, entry)
