from __future__ import annotations

import ctypes
import random
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from codegen.back.jit import compile_native
from codegen.front.lower import lower_program
from codegen.front.program import host_target
from codegen.ir.line_marks import DEBUG_PORT, reported, with_marks, with_reports
from codegen.ir.nodes import Program
from codegen.lang import host, u32
from tests.line_coverage import program
from tests.line_coverage.functions import functions_of
from tests.line_coverage.program import Colour, name, never_called, weigh

FILE = "tests/line_coverage/program.py"
STATEMENTS = {line: first for function in functions_of(FILE) for line, first in function.statements.items()}
CALLS = [
    *((weigh, u32(value)) for value in (0, 1, 5, 9, 40)),
    *((name, colour) for colour in (Colour.RED, Colour.GREEN, Colour.BLUE)),
]


def lowered() -> Program:
    made, diagnostics = lower_program([weigh, name, never_called], [program], host_target())
    assert diagnostics == []
    return made


@pytest.fixture
def fresh_machine() -> Iterator[None]:
    host.reset()
    yield
    host.reset()


def statements(lines: set[int]) -> set[int]:
    return {STATEMENTS[line] for line in lines if line in STATEMENTS}


def lines_in_cpython(function: Any, argument: Any) -> set[int]:
    found: set[int] = set()

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line" and frame.f_code.co_filename == program.__file__:
            found.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(argument)
    finally:
        sys.settrace(before)
    return found


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(("function", "argument"), CALLS)
def test_native_code_marks_the_lines_that_cpython_runs(function: Any, argument: Any, level: int) -> None:
    memory = (ctypes.c_uint8 * 1000)()
    marked, lines = with_marks(lowered(), ctypes.addressof(memory))
    compile_native(marked, level).call(function, argument)
    native = {line for (file, line), ran in zip(lines, memory, strict=False) if ran and file == FILE}
    compiled = statements({line for _, line in lines})
    assert statements(native) == statements(lines_in_cpython(function, argument)) & compiled
    assert statements(native)


class DebugPort:
    def __init__(self) -> None:
        self.output = bytearray()

    def read(self, offset: int, width: int) -> int:
        return DEBUG_PORT

    def write(self, offset: int, width: int, value: int) -> None:
        self.output.append(value)


def test_each_line_is_reported_on_the_debug_port_once(fresh_machine: None) -> None:
    port = DebugPort()
    host.bus.map_ports(DEBUG_PORT, 1, port)
    made, lines = with_reports(lowered())
    module = compile_native(made, 2)
    for value in (5, 5, 40):
        module.call(weigh, u32(value))
    expected = statements(lines_in_cpython(weigh, u32(5)) | lines_in_cpython(weigh, u32(40)))
    found = reported(bytes(port.output))
    assert statements({lines[number][1] for number in found}) == expected & statements({line for _, line in lines})
    assert len(port.output) == 3 * len(found)


def report(number: int) -> bytes:
    return bytes([0x80 | number >> 10, 0xC0 | number >> 5 & 31, 0xE0 | number & 31])


@pytest.mark.parametrize("seed", range(50))
def test_reports_that_interrupt_each_other_are_all_read(seed: int) -> None:
    chance = random.Random(seed)
    numbers = chance.sample(range(1 << 16), 40)

    def stream(left: list[int]) -> bytes:
        output = b""
        while left:
            one = report(left.pop())
            for byte in one:
                output += bytes([byte])
                if left and chance.random() < 0.3:
                    output += report(left.pop()) if chance.random() < 0.7 else stream([left.pop()])
                if chance.random() < 0.3:
                    output += b"keelback: some text\r\n"
        return output

    assert reported(stream(list(numbers))) == set(numbers)


def test_a_report_that_is_cut_short_is_left_out() -> None:
    assert reported(report(1234) + report(999)[:2]) == {1234}
    assert reported(report(999)[1:] + report(1234)) == {1234}
