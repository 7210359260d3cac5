from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from build import PASSES
from codegen.back.target import IMAGE
from codegen.link.image import ImageLayout
from codegen.program import Sources, build_image
from codegen.show.debug_tree import DebugTree
from codegen.show.machine_code import instructions
from codegen.show.names import NoSuchFunction
from codegen.show.side_by_side import show_side_by_side
from codegen.show.stages import STAGES, show_stages
from tests.show import programs

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Sources([programs.start, programs.trap, programs.first], [programs], IMAGE)  # type: ignore[list-item]
TRIPLED = "tests.show.programs.tripled"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    return build_image(SOURCES, ImageLayout(0x20_0000, "first"), folder / "a.elf")


@pytest.mark.parametrize(
    "stage, part",
    [("tree", "FunctionDef"), ("ir", "twice.2 + x.1"), ("ll", "uadd.with"), ("opt", "define"), ("asm", "ret")],
)
def test_every_stage_of_a_function_can_be_looked_at(stage: str, part: str) -> None:
    assert set(STAGES) == set(PASSES)
    assert part in show_stages(SOURCES, "tripled", [stage])


def test_stages_stand_behind_each_other_in_the_order_asked_for() -> None:
    text = show_stages(SOURCES, "tripled", ["asm", "ir"])
    assert re.findall(r"^; (\w+): (.*)$", text, re.MULTILINE) == [("asm", TRIPLED), ("ir", TRIPLED)]


def test_each_line_of_python_stands_above_its_ir_and_its_instructions(image: Path) -> None:
    lines = show_side_by_side(SOURCES, image, "tripled").splitlines()
    python = next(i for i, line in enumerate(lines) if line.endswith("|     return twice + x"))
    assert lines[python + 1].strip() == "ir   return (twice.2 + x.1)"
    assert re.fullmatch(r" +[0-9a-f]{16}  \w+ .*", lines[python + 2])


def test_the_listing_has_every_instruction_of_the_function_once(image: Path) -> None:
    text = show_side_by_side(SOURCES, image, "tripled")
    tree = DebugTree(image)
    code = instructions(tree, TRIPLED)
    start, size = tree.symbols[TRIPLED]
    assert sum(len(one.content) for one in code) == size
    assert sorted(re.findall(r"^ +([0-9a-f]{16})  ", text, re.MULTILINE)) == [f"{one.address:x}" for one in code]
    assert f"{len(code)} instructions, {size} bytes at {start:x}" in text


def test_inlined_code_says_whose_it_is_and_from_which_line(image: Path) -> None:
    text = show_side_by_side(SOURCES, image, "tripled")
    body = Path(programs.__file__).read_text().splitlines().index("    return x * 2") + 1
    assert f"(doubled, tests/show/programs.py:{body})" in text


def test_a_function_that_was_inlined_everywhere_says_where(image: Path) -> None:
    text = show_side_by_side(SOURCES, image, "doubled")
    assert "no code of its own: every call was inlined" in text
    assert re.search(rf"inlined in {TRIPLED}, tests/show/programs.py:\d+", text)
    assert re.search(r"\|     return x \* 2\n      ir   .*\n +[0-9a-f]{16}  ", text)


def test_a_stub_is_listed_as_the_assembly_that_it_is(image: Path) -> None:
    text = show_side_by_side(SOURCES, image, "first")
    assert "first (assembly)" in text and "call start" in text
    with pytest.raises(NoSuchFunction, match="first is assembly"):
        show_stages(SOURCES, "first", ["ir"])


@pytest.mark.parametrize("name", ["tripled", "programs.tripled", TRIPLED])
def test_a_function_is_found_by_the_end_of_its_name(image: Path, name: str) -> None:
    assert show_side_by_side(SOURCES, image, name).startswith(TRIPLED)


def test_a_misspelt_name_is_answered_with_those_that_come_near(image: Path) -> None:
    with pytest.raises(NoSuchFunction) as error:
        show_side_by_side(SOURCES, image, "trippled")
    assert str(error.value) == f"the program has no function 'trippled'; did you mean\n  {TRIPLED}"


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "build.py", "dump", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("vendor, instruction", [("vt-x", "vmread"), ("amd-v", "svm_enter")])
def test_the_command_shows_a_function_of_either_image(vendor: str, instruction: str) -> None:
    done = command("vcpu_run", "--vendor", vendor)
    assert done.returncode == 0, done.stderr
    assert "|     if vcpu.pending.valid:\n      ir   if " in done.stdout and instruction in done.stdout


def test_a_name_without_a_function_ends_the_command_with_text() -> None:
    done = command("emulat_cpuid", "--dump", "ir")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "did you mean\n  hypervisor.exits.cpuid.emulate_cpuid" in done.stderr


def test_a_pass_that_does_not_exist_is_refused_by_name() -> None:
    done = command("emulate_cpuid", "--dump", "ir,asn")
    assert done.returncode == 2 and "'asn' is none of tree, ir, ll, opt, asm" in done.stderr
