import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("boot", "codegen", "drivers", "hypervisor")
# Who may import whom; within itself a package imports freely.
ALLOWED = {
    "codegen": set[str](),
    "drivers": {"codegen.lang"},
    "hypervisor": {"codegen.lang", "drivers", "boot.info"},
    "boot": {"codegen", "drivers.console", "drivers.bus"},
}
# Files that run at build time only: they drive the toolchain.
BUILD_TIME = {"hypervisor/image_program.py": {"codegen"}}
# Folders that run inside gdb.
IN_GDB = {"hypervisor/debugger/": {"codegen.debugger"}}
ONLY_IN = {
    "llvmlite": "codegen/back/",
    "keystone": "codegen/asm/",
    "capstone": "codegen/inspect/",
    "perfetto": "hypervisor/client/",
}


def modules_imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def sources() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield file, str(file.relative_to(ROOT))


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_layers(package: str) -> None:
    wrong = []
    for file, name in sources():
        if not name.startswith(f"{package}/"):
            continue
        allowed = {package} | ALLOWED[package] | BUILD_TIME.get(name, set())
        allowed |= {other for folder, others in IN_GDB.items() if name.startswith(folder) for other in others}
        for module in modules_imported(file):
            if any(is_within(module, other) for other in PACKAGES):
                if not any(is_within(module, one) for one in allowed):
                    wrong.append(f"{name} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_toolchain_library_has_one_home(library: str) -> None:
    wrong = [
        name
        for file, name in sources()
        if any(is_within(module, library) for module in modules_imported(file))
        and not name.startswith(ONLY_IN[library])
    ]
    assert wrong == []


@pytest.mark.parametrize("vendor", ["vmx", "svm"])
def test_nothing_outside_a_back_end_imports_it(vendor: str) -> None:
    home = f"hypervisor/vcpu/{vendor}/"
    wrong = [
        f"{name} imports {module}"
        for file, name in sources()
        if not name.startswith(home)
        for module in modules_imported(file)
        if is_within(module, f"hypervisor.vcpu.{vendor}")
    ]
    assert wrong == []


def test_every_file_says_what_it_is_for() -> None:
    silent = [name for file, name in sources() if ast.get_docstring(ast.parse(file.read_text())) is None]
    assert silent == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = {"util", "utils", "helper", "helpers", "misc", "common"}
    assert [name for file, name in sources() if file.stem in vague] == []


def test_gdb_meets_the_standard_library_only() -> None:
    inside = ("codegen.debugger", "hypervisor.debugger")
    wrong = [
        f"{name} imports {module}"
        for file, name in sources()
        if name.startswith(("codegen/debugger/", "hypervisor/debugger/"))
        for module in modules_imported(file)
        if module.split(".")[0] not in {*sys.stdlib_module_names, "gdb"}
        and not any(is_within(module, one) for one in inside)
    ]
    assert wrong == []
