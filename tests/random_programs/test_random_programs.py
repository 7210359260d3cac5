"""Random programs run alike in all three executions, and hold everything that a program can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from codegen.ir import nodes as ir
from codegen.lang import checks
from tests.random_programs.generate import generate
from tests.random_programs.shrink import shrink
from tests.random_programs.workers import run_seeds

ROOT = Path(__file__).resolve().parents[2]
KINDS = (
    *checks.OVERFLOW.values(), checks.DIVISION, checks.SHIFT, checks.FIT, checks.INDEX, checks.ASSERTION,
    checks.UNKNOWN, checks.SLICE, checks.LENGTH,
)  # fmt: skip
OPERATORS = {
    "Binary": "add, sub, mul, div, rem, and, or, xor, shl, shr",
    "Unary": "not, invert, negate, leading_zeros, trailing_zeros, count_ones",
    "Compare": "eq, ne, lt, le, gt, ge",
    "Logic": "and, or",
    "WithOverflow": "add, sub, mul",
    "AtomicUpdate": "add, sub, or, and, exchange",
}
CHECKED = ("add", "sub", "mul", "div", "rem", "shl", "shr")

DIFFERENT = """
import itertools
from codegen.lang import *

NUMBERS = itertools.count()
DEVICES, CALLS = [], []


@fn
def different(a: u32) -> u32:
    b = a.wrapping_add(1)
    for i in range(3):
        b ^= i32_of(b)
    return u32(static(next(NUMBERS)))


@fn
def i32_of(a: u32) -> u32:
    return u32.trunc(i32.trunc(a))


CALLS.append((i32_of, (u32(1),)))
CALLS.append((different, (u32(1),)))
"""
"""`static` gives compiled code one number for all calls, and CPython another one each time."""


FAILED_ONCE = (3116,)
"""LLVM's NewGVN ended the process at it."""


def test_two_hundred_programs_run_alike_and_hold_every_node_and_every_check() -> None:
    ordinary = run_seeds(range(200), workers=2)
    print(ordinary.table())
    assert ordinary.programs == 200
    assert ordinary.failures == {}, ordinary.table()
    wanted = [node.__name__ for union in (ir.Expr, ir.Stmt) for node in get_args(union)]
    wanted += [f"{node} {op}" for node, listed in OPERATORS.items() for op in listed.split(", ")]
    wanted += [f"Binary {op} checked" for op in CHECKED]
    wanted.remove("Binary div")
    wanted.remove("Binary rem")  # division is always checked
    assert [name for name in wanted if not ordinary.nodes[name]] == [], ordinary.table()
    assert [kind for kind in KINDS if ordinary.traps[kind] < 20] == [], ordinary.table()
    assert ordinary.traps["result"] > ordinary.traps.total() // 3, "most calls end early: " + ordinary.table()


def test_programs_that_once_failed_run_alike() -> None:
    summary = run_seeds(FAILED_ONCE, workers=1)
    assert summary.failures == {}, summary.table()


@pytest.mark.long
def test_ten_thousand_programs_run_alike() -> None:
    summary = run_seeds(range(200, 10_200), workers=2)
    assert summary.programs == 10_000
    assert summary.failures == {}, summary.table()


def test_a_seed_always_makes_the_same_program() -> None:
    script = "import sys; from tests.random_programs.generate import generate; sys.stdout.write(generate(7))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}
        ).stdout.decode()
        for seed in ("1", "2")
    ]
    assert printed == [generate(7)] * 2


def run(*arguments: str) -> Any:
    command = [sys.executable, "-m", "tests.random_programs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_one_command_runs_the_program_of_a_seed() -> None:
    done = run("3")
    assert (done.returncode, done.stdout) == (0, "program_3: all executions agree\n")


def test_a_difference_is_named_and_its_program_shrunk(tmp_path: Path) -> None:
    file = tmp_path / "different.py"
    file.write_text(DIFFERENT)
    done = run(str(file))
    assert done.returncode == 1
    assert "CPython and -O0 differ at call 0: different gave" in done.stdout
    assert "static(next(NUMBERS))" in done.stdout and "wrapping_add" not in done.stdout and "i32_of" not in done.stdout


def test_shrinking_keeps_what_makes_a_program_fail() -> None:
    small = shrink(generate(11), lambda text: ".fetch_" in text)
    assert ".fetch_" in small and len(small.splitlines()) < 40
