"""What debug information says of the images, and that they are the same without it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from hypervisor.cpu.per_cpu import PerCpu
from hypervisor.image import build_images
from hypervisor.vcpu.svm.vmcb import Vmcb
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import Vm

ROOT = Path(__file__).resolve().parents[2]
# A handler that is called through the table, so that it exists however much is inlined.
TABLE_ONLY = "hypervisor.exits.xsetbv.set_extended_control"
LAYOUTS = (Vcpu, Vm, Vmcb, PerCpu)
READ_LAYOUTS = """
import json, sys
def cells(name):
    kind = gdb.lookup_type(name).strip_typedefs()
    return [kind.sizeof, {f.name: [f.bitpos // 8, f.type.sizeof] for f in kind.fields()}]
print("@" + json.dumps({name: cells(name) for name in NAMES}))
"""


@pytest.fixture(scope="module")
def image() -> Path:
    return build_images("release")["amd-v"]


def gdb(image: Path, *commands: str) -> str:
    line = ["gdb", "-nx", "-q", "-batch", "-iex", "set demangle-style none", str(image)]
    for command in commands:
        line += ["-ex", command]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout


def loaded_segments(image: Path) -> list[tuple[int, bytes]]:
    with image.open("rb") as file:
        elf: Any = ELFFile(file)
        return [(s["p_vaddr"], s.data()) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]


@pytest.mark.parametrize("vendor", ["vt-x", "amd-v"])
def test_a_released_image_is_the_same_in_memory_without_debug_information(vendor: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare.elf"
    subprocess.run([sys.executable, "-m", "tests.debug.bare_image", vendor, str(bare)], check=True, cwd=ROOT)
    same = loaded_segments(build_images("release")[vendor]) == loaded_segments(bare)
    assert same, "LLVM's code depends on a name that debuggers see: DebugInfo.locals knows of one reason"
    with bare.open("rb") as file:
        assert not ELFFile(file).has_dwarf_info()


def test_nothing_in_an_image_names_the_place_of_the_tree(image: Path) -> None:
    assert str(ROOT).encode() not in image.read_bytes()


def test_layouts_are_drawn_as_the_language_places_them(image: Path) -> None:
    names = [layout.__name__ for layout in LAYOUTS]
    text = gdb(image, "python NAMES = " + repr(names), "python exec(" + repr(READ_LAYOUTS) + ")")
    found = json.loads(text[text.index("@") + 1 :])
    for layout in LAYOUTS:
        size, cells = found[layout.__name__]
        wanted = layout.__layout__
        assert size == wanted.size
        assert cells == {name: [field.offset, field.size] for name, field in wanted.fields.items()}


def test_bit_structs_have_their_bits(image: Path) -> None:
    text = gdb(image, "ptype NestedEntry", "print sizeof(NestedEntry)")
    assert "bool present : 1;" in text and "u64 frame : 40;" in text and "bool no_execute : 1;" in text
    assert "$1 = 8" in text


def test_enums_have_the_names_of_their_members(image: Path) -> None:
    text = gdb(image, "print (VmState)2", "print (ExitKind)1", "print 'VcpuState.HALTED' == (VcpuState)2")
    assert "= VmState.RUNNING" in text and "= ExitKind.CPUID" in text and "= 1" in text


def test_functions_have_the_languages_signatures(image: Path) -> None:
    text = gdb(image, f"whatis '{TABLE_ONLY}'", f"info functions -n {TABLE_ONLY}")
    assert "type = Resume (Vcpu *)" in text
    assert "File hypervisor/exits/xsetbv.py:" in text and f"Resume {TABLE_ONLY}(Vcpu *);" in text


def test_function_tables_show_what_they_hold(image: Path) -> None:
    text = gdb(image, "print 'hypervisor.exits.table.EXIT_HANDLERS'")
    assert f"<{TABLE_ONLY}>" in text


OPTION, RESULT, PAIR = "struct u64 | None", "struct u64 | Fault", "struct tuple[u32, u64]"
VALUES = {
    "None": (OPTION, (0, 0)),
    "7": (OPTION, (1, 7)),
    "9": (RESULT, (1, 9, 0)),
    "Fault.PAGE_FAULT": (RESULT, (0, 0, 3)),
    "(2, 5)": (PAIR, (2, 5)),
    "0x1000": ("Gpa", (0x1000,)),
    "Span(0x0, 0) ''": ("struct Span", (0, 0)),
}


@pytest.mark.parametrize("shown", VALUES)
def test_values_of_the_language_are_written_as_in_python(image: Path, shown: str) -> None:
    kind, words = VALUES[shown]
    content = b"".join(word.to_bytes(8, "little") for word in words)
    text = gdb(
        image,
        f"python import sys; sys.path.insert(0, {str(ROOT)!r}); import codegen.debugger.printers",
        f"python kind = gdb.lookup_type({kind!r}); print(gdb.Value({content!r}[: kind.sizeof], kind))",
    )
    assert text.splitlines()[-1] == shown
