import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boot.bios.boot_sector import build_boot_sector
from boot.bios.stage2 import build_stage2
from boot.uefi.application import build_application
from codegen.asm import flat, stub
from hypervisor.image import VENDORS
from tests.asm.nasm import difference
from tests.asm.recorded import Assembled, recording

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=VENDORS)
def image(request: pytest.FixtureRequest) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.image.program", request.param]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_every_stub_of_an_image_has_the_bytes_of_a_second_assembler(image: dict[str, Any], tmp_path: Path) -> None:
    texts = [Assembled(text, bits, address, bytes.fromhex(code)) for text, bits, address, code in image["assembled"]]
    assert len(texts) == len(image["stubs"]) >= 5
    assert_same(texts, tmp_path)


def test_so_has_all_assembly_of_the_loaders(tmp_path: Path) -> None:
    with recording(flat) as real_mode, recording(stub) as stubs:
        build_boot_sector()
        build_stage2(tmp_path)
        build_application(tmp_path)
    assert len(real_mode) == 2 and len(stubs) >= 4
    assert_same([*real_mode, *stubs], tmp_path)


def assert_same(texts: list[Assembled], folder: Path) -> None:
    for each in texts:
        assert difference(each.text, each.bits, each.address, each.code, folder) is None, each.text


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
