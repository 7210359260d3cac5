from typing import Any

import pytest

from codegen.front.lower import lower_program, module_functions
from codegen.front.program import TargetInfo
from tests.image import restless
from tests.image.only_atomics import Allowed, violations, writers


def test_nmi_and_machine_check_handlers_touch_only_atomics(described: dict[str, Any]) -> None:
    assert len(described["violations"]) == 2
    assert [each for found in described["violations"].values() for each in found] == []


def found_in(name: str) -> list[str]:
    program, diagnostics = lower_program(module_functions([restless]), [restless], TargetInfo())
    assert diagnostics == []
    allowed = Allowed(
        frozenset({"data tests.image.restless.STATE+0"}),
        frozenset({"codegen.lang.intrinsics.identity.rdmsr_parts"}),
        frozenset({"tests.image.restless.end"}),
    )
    return [each.split(" touches ")[1] for each in violations(program, f"tests.image.restless.{name}", allowed)]


@pytest.mark.parametrize("name", restless.GOOD)
def test_what_a_handler_may_do(name: str) -> None:
    assert found_in(name) == []


@pytest.mark.parametrize("name", restless.BAD)
def test_what_a_handler_must_not_do_is_found(name: str) -> None:
    assert any(restless.BAD[name] in each for each in found_in(name))


def test_every_writer_of_a_cell_is_found() -> None:
    program, _ = lower_program(module_functions([restless]), [restless], TargetInfo())
    names = {name.rpartition(".")[2] for name in writers(program, "data tests.image.restless.STATE+0")}
    assert names == {"set_plain", "set_through_a_callee", "stores", "zeroes"}
