"""Every mistake in errors/ is reported as the marks there say, and every refusal of the compiler has a place there."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from codegen.front import refusals
from codegen.front.build_time import diagnose
from codegen.front.diagnostics import Diagnostic
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import fn, stub
from tests.front.error_files import FILES, diagnostics_of, marked
from tests.front.error_sites import all_sites, reached, recorded

THIS = sys.modules[__name__]


@stub("nop")
def assembly() -> None: ...


@fn
def calls_assembly() -> None:
    assembly()


def sourceless() -> ModuleType:
    module = ModuleType("sourceless")
    exec("from codegen.lang import fn\n@fn\ndef hidden() -> None:\n    pass\n", vars(module))
    return module


def of_sourceless() -> list[Diagnostic]:
    module = sourceless()
    return lower_program(module_functions([module]), [module], host_target())[1]


def of_assembly_without_an_assembler() -> list[Diagnostic]:
    return lower_program(module_functions([THIS]), [THIS], host_target())[1]


def of_no_python(folder: Path) -> list[Diagnostic]:
    file = folder / "broken.py"
    file.write_text("x = 3\ndef f(:\n    pass\n")
    try:
        compile(file.read_text(), file, "exec")
    except SyntaxError as error:
        found = diagnose(error)
        assert found is not None
        return [found]
    raise AssertionError


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_mistake_is_reported_at_its_fragment_and_nothing_else(path: Path) -> None:
    assert marked(path, diagnostics_of(path)) == path.read_text().splitlines()


def test_an_error_shows_its_line_carets_the_second_place_and_help() -> None:
    path = next(path for path in FILES if path.stem == "flow")
    found = next(d for d in diagnostics_of(path) if d.message.startswith("`x` is"))
    line = path.read_text().splitlines().index("    x = u64(n)") + 1
    assert found.render() == (
        f"tests/front/errors/flow.py:{line}:9: error: `x` is `u32`, not `u64`\n"
        "        x = u64(n)\n"
        "            ^^^^^^\n"
        f"tests/front/errors/flow.py:{line - 1}:5: note: `x` got the type `u32` here\n"
        "        x = n\n"
        "        ^\n"
        "    help: a local has one type: use another name\n"
    )


def test_a_function_without_source_is_refused() -> None:
    assert [d.message for d in of_sourceless()] == ["the source of sourceless.hidden cannot be found"]


def test_assembly_is_refused_where_there_is_no_assembler() -> None:
    [found] = of_assembly_without_an_assembler()
    assert found.message.endswith("test_errors.assembly is assembly, which this target has no assembler for")


def test_a_file_that_is_no_python_is_shown_at_its_place(tmp_path: Path) -> None:
    [found] = of_no_python(tmp_path)
    assert found.render() == (
        f"{tmp_path}/broken.py:2:7: error: this is no Python: invalid syntax\n    def f(:\n          ^\n"
    )


def test_every_refusal_of_the_compiler_is_reached(tmp_path: Path) -> None:
    with recorded() as places_of:
        found = [diagnostic for path in FILES for diagnostic in diagnostics_of(path)]
        found += [*of_sourceless(), *of_assembly_without_an_assembler(), *of_no_python(tmp_path)]
    places = set().union(*(places_of.get(diagnostic.message, set()) for diagnostic in found))
    sites = all_sites()
    assert len(sites) > 200
    assert [str(site) for site in sites if not reached(site, places)] == []
    messages = {diagnostic.message for diagnostic in found}
    tables = [*refusals.STATEMENTS.values(), *refusals.EXPRESSIONS.values()]
    assert [message for message, _ in tables if message not in messages] == []
    assert len(messages) > 300
