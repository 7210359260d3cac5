from __future__ import annotations

import random

from codegen.lang import storage, u32, u64
from hypervisor.sched.deadlines import NEVER, Deadlines, deadline_next, deadline_owner, deadline_set, deadlines_start
from hypervisor.vcpu.pool import VCPUS_MAX


def test_the_earliest_deadline_is_known_whatever_was_set_before() -> None:
    deadlines = storage(Deadlines)
    deadlines_start(deadlines)
    assert deadline_next(deadlines) == NEVER
    draw = random.Random(5)
    expected = [NEVER] * VCPUS_MAX
    for _ in range(2_000):
        number, when = draw.randrange(VCPUS_MAX), draw.choice([NEVER, draw.randrange(40), draw.randrange(1 << 63)])
        expected[number] = when
        deadline_set(deadlines, u32(number), u64(when))
        assert deadline_next(deadlines) == min(expected)
        if min(expected) != NEVER:
            assert expected[deadline_owner(deadlines)] == min(expected)
