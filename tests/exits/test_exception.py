from __future__ import annotations

import pytest

from codegen.lang import u8, u32
from hypervisor.exits.exception import reflect_exception
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.event import EventType
from tests.played_guest.machine import everywhere, new_machine


@everywhere
@pytest.mark.parametrize(("vector", "has_error"), [(1, False), (17, True)])
def test_an_exception_comes_back_as_it_was_raised(run, vector, has_error):
    vcpu = new_machine()
    vcpu.exit.vector, vcpu.exit.error_code = u8(vector), u32(0x18)
    assert run(reflect_exception, vcpu) == Resume.SAME_INSTRUCTION
    assert (vcpu.pending.valid, int(vcpu.pending.vector), vcpu.pending.type) == (True, vector, EventType.EXCEPTION)
    assert vcpu.pending.has_error == has_error
    assert vcpu.pending_error == 0x18
