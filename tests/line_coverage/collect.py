"""A plugin of pytest: each process leaves a file of the lines that it ran, in CPython and as native code.

For `pytest -p`: it begins before any module is imported whose lines it counts. The environment names the folder.
"""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

import pytest
from coverage import Coverage

from codegen.back import jit
from codegen.ir.line_marks import Line, with_marks
from codegen.ir.nodes import Program
from tests.line_coverage.functions import FOLDERS, ROOT

FOLDER = "KEELBACK_COVERAGE"
BYTES = 1 << 16

_cpython = Coverage(data_file=None, config_file=False, include=[f"{ROOT}/{name}/*" for name in FOLDERS], messages=False)
_native: list[tuple[ctypes.Array[ctypes.c_uint8], tuple[Line, ...]]] = []


def compile_with_marks(program: Program, optimise: int = 2) -> jit.NativeModule:
    """What `compile_native` does, with a byte per line that lives as long as this process."""
    memory = (ctypes.c_uint8 * BYTES)()
    marked, lines = with_marks(program, ctypes.addressof(memory))
    assert len(lines) <= BYTES
    _native.append((memory, lines))
    return jit.NativeModule(marked, optimise)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Before any module of the tests is imported."""
    jit.compile_native = compile_with_marks
    _cpython.start()


def pytest_sessionfinish() -> None:
    """The end of this process's tests. Later a worker of xdist may be ended before it has written."""
    _cpython.stop()
    data = _cpython.get_data()
    cpython = [
        (str(Path(file).relative_to(ROOT)), line) for file in data.measured_files() for line in data.lines(file) or ()
    ]
    native = {line for memory, lines in _native for line, ran in zip(lines, memory, strict=False) if ran}
    output = Path(os.environ[FOLDER]) / f"{os.getpid()}.json"
    output.write_text(json.dumps({"cpython": sorted(cpython), "native": sorted(native)}))
