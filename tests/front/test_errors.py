"""Every line marked `# error: text` in errors/ is reported with that text, and no other line is."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target

FILES = sorted((Path(__file__).parent / "errors").glob("*.py"))
MARK = re.compile(r"#\s*error:\s*(?P<error>.*?)(?:\s*#\s*help:\s*(?P<help>.*))?$")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[path.stem]
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_mistake_is_reported_at_its_line_and_nothing_else(path: Path) -> None:
    module = load(path)
    _, diagnostics = lower_program(module_functions([module]), [module], host_target())
    expected = {
        number: found
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := MARK.search(line)) is not None
    }
    reported = {diagnostic.loc.line: diagnostic for diagnostic in diagnostics}
    unexpected = [d.render() for d in diagnostics if d.loc.line not in expected]
    assert not unexpected, "\n".join(unexpected)
    assert len(reported) == len(diagnostics)
    missing = [f"line {number}: {found['error']}" for number, found in expected.items() if number not in reported]
    assert not missing, missing
    for number, found in expected.items():
        assert found["error"] in reported[number].message, reported[number].render()
        if found["help"]:
            assert found["help"] in reported[number].help, reported[number].render()


def test_an_error_shows_its_line_carets_the_second_place_and_help() -> None:
    path = Path(__file__).parent / "errors" / "flow.py"
    module = load(path)
    _, diagnostics = lower_program([module.two_types], [module], host_target())
    assert diagnostics[0].render() == (
        "tests/front/errors/flow.py:57:9: error: 'x' is u32, not u64\n"
        "        x = u64(n)  # error: 'x' is u32, not u64\n"
        "            ^^^^^^\n"
        "tests/front/errors/flow.py:56:5: note: 'x' got the type u32 here\n"
        "        x = n\n"
        "        ^\n"
        "    help: a local has one type: use another name\n"
    )
