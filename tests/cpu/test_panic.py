from __future__ import annotations

import pytest

from codegen.lang import u32
from hypervisor.cpu.panic import exception_name

# Intel SDM vol. 3A, table 6-1; what we never cause ourselves is told by its number.
NAMES = {
    0: "divide error",
    1: "exception",
    6: "invalid opcode",
    8: "double fault",
    13: "general protection",
    14: "page fault",
    18: "machine check",
    31: "exception",
    0xFFFF_FFFF: "exception",
}


@pytest.mark.parametrize("vector", NAMES)
def test_an_exception_has_the_manuals_name(vector: int) -> None:
    assert bytes(exception_name(u32(vector))).decode() == NAMES[vector]
