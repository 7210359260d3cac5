import ast
from pathlib import Path

from boot.bios.boot_sector import build_boot_sector
from boot.bios.stage2 import build_stage2
from boot.uefi.application import build_application
from codegen.asm import flat, stub
from tests.asm.nasm import difference, differences
from tests.asm.recorded import recording

ROOT = Path(__file__).resolve().parents[2]


def test_all_assembly_of_the_loaders_has_the_bytes_of_a_second_assembler(tmp_path: Path) -> None:
    with recording(flat) as real_mode, recording(stub) as stubs:
        build_boot_sector()
        build_stage2(tmp_path)
        build_application(tmp_path)
    assert len(real_mode) == 2 and len(stubs) >= 4
    assert differences([*real_mode, *stubs], tmp_path) == []


def test_another_encoding_would_be_seen(tmp_path: Path) -> None:
    text = "push rbx\n.balign 8\nmov rax, [rdi + 0x10]\n"
    good = bytes.fromhex("53" + "0f1f8000000000" + "488b4710")
    assert difference(text, 64, 0, good, tmp_path) is None
    assert difference(text, 64, 0, good.replace(b"\x47\x10", b"\x47\x11"), tmp_path) is not None
    assert difference(text, 64, 0, good.replace(b"\x0f\x1f", b"\x0f\x0b"), tmp_path) is not None
    assert difference(text, 64, 0, good + b"\x90", tmp_path) is not None


def test_only_two_modules_call_the_assembler() -> None:
    callers = {
        str(file.relative_to(ROOT))
        for package in ("boot", "codegen", "drivers", "hypervisor")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "codegen.asm.keystone_safe"
    }
    assert callers == {"codegen/asm/stub.py", "codegen/asm/flat.py"}
