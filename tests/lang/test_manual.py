"""Every example of docs/language.md: accepted by both type checkers, run in three executions, or refused as stated."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import codegen.lang
from codegen.asm.stub import assemble_stub
from codegen.back.jit import compile_native
from codegen.back.target import IMAGE
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import TargetInfo, host_target
from codegen.front.refusals import EXPRESSIONS, STATEMENTS
from codegen.lang import Address, BitStruct, FnOptions, HwEnum, Integer, PerCpu, StubFn, Trap, checks, host
from codegen.program import Sources, lower
from tests.lang.manual import PAGE, ROOT, Chapter, Refused, chapters

CHAPTERS = chapters()
RUN = [chapter for chapter in CHAPTERS if chapter.promises]
REFUSED = [
    pytest.param(chapter, one, id=f"{chapter.name}-{number}")
    for chapter in CHAPTERS
    for number, one in enumerate(chapter.refused, 1)
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manual")


@cache
def imported(text: str, name: str, folder: Path) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def module_of(chapter: Chapter, folder: Path) -> ModuleType:
    return imported(chapter.without_promises(), f"manual_{chapter.name}", folder)


def shown(value: Any, like: str) -> str:
    """A value as the page writes it."""
    if isinstance(value, tuple):
        return f"({', '.join(shown(item, '') for item in value)})"
    if isinstance(value, Integer | Address):
        return hex(int(value)) if like.startswith("0x") else str(int(value))
    if isinstance(value, HwEnum):
        return value.name
    assert value is None or isinstance(value, bool | BitStruct)
    return repr(value)


def results(chapter: Chapter, module: ModuleType, call: Callable[..., Any]) -> list[str]:
    """What the chapter's calls give, in their order, on a fresh machine."""
    host.reset()
    for thing in vars(module).values():
        if isinstance(thing, PerCpu):
            _ = thing.current  # writes its self_address, as start-up does
    vars(module).get("prepare", lambda: None)()
    found = []
    for text, like in chapter.promises:
        node = ast.parse(text, mode="eval").body
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        arguments = [eval(ast.unparse(argument), vars(module)) for argument in node.args]
        try:
            found.append(shown(call(getattr(module, node.func.id), *arguments), like))
        except Trap as trap:
            found.append(f"trap: {trap.kind}")
    return found


@pytest.mark.parametrize("chapter", RUN, ids=lambda chapter: chapter.name)
def test_results_are_those_of_the_page_in_all_three_executions(chapter: Chapter, folder: Path) -> None:
    module = module_of(chapter, folder)
    stated = [result for _, result in chapter.promises]
    assert results(chapter, module, lambda function, *arguments: function(*arguments)) == stated
    called = {re.match(r"\w+", text).group() for text, _ in chapter.promises}  # type: ignore[union-attr]
    roots = [vars(module)[name] for name in sorted(called)]
    program, diagnostics = lower_program(roots, [module], host_target())
    assert not diagnostics, "".join(one.render() for one in diagnostics)
    for level in (0, 2):
        assert results(chapter, module, compile_native(program, level).call) == stated, f"-O{level}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_examples_compile_for_an_image(chapter: Chapter, folder: Path) -> None:
    module = module_of(chapter, folder)
    stubs = [thing for thing in vars(module).values() if isinstance(thing, StubFn)]
    functions = module_functions([module])
    assert lower(Sources([*functions, *stubs], [module], IMAGE)).functions


@pytest.mark.parametrize("chapter, one", REFUSED)
def test_what_the_page_refuses_is_refused_with_those_words(chapter: Chapter, one: Refused, folder: Path) -> None:
    before = chapter.without_promises()
    name = f"manual_{chapter.name}_{chapter.refused.index(one)}"
    stated = [(number + before.count("\n"), text) for number, _, text in one.complaints]
    assert stated
    if one.complaints[0][1] == "TypeError":
        with pytest.raises(TypeError) as error:
            imported(before + one.text, name, folder)
        assert str(error.value) == stated[0][1]
        return
    module = imported(before + one.text, name, folder)
    info = TargetInfo(64, 0, None, assemble_stub)
    _, diagnostics = lower_program(module_functions([module]), [module], info)
    found = [(d.loc.line, d.message.replace(f"{name}.", "")) for d in diagnostics]
    assert found == stated


def test_the_error_that_the_page_prints_is_printed(folder: Path) -> None:
    """The chapter for newcomers shows one in full."""
    first = CHAPTERS[0]
    module = imported(first.without_promises() + first.refused[0].text, "manual_shown", folder)
    _, diagnostics = lower_program(module_functions([module]), [module], host_target())
    printed = [re.sub(r"  # error.*", "", line) for line in diagnostics[1].render().splitlines()]
    lines = PAGE.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("    example.py:"))
    page = [line.removeprefix("    ") for line in lines[place : place + 4]]
    assert page[0].split(": ", 1)[1] == printed[0].split(": ", 1)[1]
    assert page[1:] == printed[1:]


def test_both_type_checkers_accept_every_example(folder: Path) -> None:
    written = folder / "typed"
    written.mkdir()
    for chapter in CHAPTERS:
        (written / f"typed_{chapter.name}.py").write_text(chapter.module)
    cache = f"--cache-dir={folder / 'mypy'}"
    mypy = run("mypy", "--strict", "--disable-error-code=empty-body", cache, str(written))
    assert mypy.returncode == 0, mypy.stdout
    report = json.loads(run("basedpyright", "--outputjson", "--project", str(settings(written)), str(written)).stdout)
    errors = [one for one in report["generalDiagnostics"] if one["severity"] == "error"]
    assert report["summary"]["filesAnalyzed"] == len(CHAPTERS) and errors == []


def settings(written: Path) -> Path:
    """The project's own for basedpyright, with the checkout as a place to import from."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    rules = {name: value for name, value in own.items() if name.startswith(("report", "typeCheckingMode"))}
    # Declarations of stubs and contracts have no body.
    rules |= {"extraPaths": [str(ROOT)], "reportReturnType": False}
    path = written / "pyrightconfig.json"
    path.write_text(json.dumps(rules))
    return path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", *command]
    return subprocess.run(line, cwd=ROOT, text=True, capture_output=True, timeout=300, env={"PYTHONPATH": str(ROOT)})


def test_every_name_of_the_language_stands_on_the_page() -> None:
    page = PAGE.read_text()
    spelt = {f"{kind}_{name}" for kind in ("read", "write") for name in
             ("cr2", "cr3", "cr4", "cr8", "dr1", "dr2", "dr3", "dr6", "ds", "es", "fs", "gs", "ss")}  # fmt: skip
    spelt |= {"write_dr0", "read_dr7"}  # told in words: "and so for 2, 3, 4 and 8"
    missing = [name for name in codegen.lang.__all__ if not re.search(rf"\b{name}\b", page) and name not in spelt]
    assert missing == []


def test_every_refusal_option_and_trap_stands_on_the_page() -> None:
    page = PAGE.read_text()
    refusals = [message for message, _ in [*STATEMENTS.values(), *EXPRESSIONS.values()]]
    phrases = [re.sub(r"`\S+` | (is|are) not in the language|in calls of a text sink", "", text) for text in refusals]
    assert [text for text in phrases if text.split(" stand")[0] not in page] == []
    assert [name for name in FnOptions.__dataclass_fields__ if f"`{name}=" not in page] == []
    kinds = [*checks.OVERFLOW.values()]
    kinds += [checks.DIVISION, checks.SHIFT, checks.FIT, checks.INDEX, checks.ASSERTION, checks.UNKNOWN, checks.SLICE]
    kinds += [checks.LENGTH]
    assert [kind for kind in kinds if f"`{kind}`" not in page] == []
