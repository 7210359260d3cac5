"""Every mistake in errors/ is reported as the marks there say, and every refusal of the compiler has a place there."""

import ast
from pathlib import Path

import pytest

from codegen.front import refusals
from codegen.front.diagnostics import Diagnostic
from codegen.front.lower import lower_program
from codegen.front.program import host_target
from tests.front.error_files import FILES, diagnostics_of, marked, module_of
from tests.front.error_sites import all_sites, reached, recorded

ERRORS = Path(__file__).parent / "errors"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_mistake_is_reported_at_its_fragment_and_nothing_else(path: Path) -> None:
    assert marked(path, diagnostics_of(path)) == path.read_text().splitlines()
