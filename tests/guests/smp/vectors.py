"""The vectors of this guest."""

from __future__ import annotations

VECTOR_WAKE = 0x40  # look for a task
VECTOR_REST = 0x41  # the timer, while a check waits
VECTOR_FIXED = 0x51  # only counted
VECTOR_RING = 0x71  # the next one in the ring
VECTOR_ANSWER = 0x72
VECTOR_SHOOTDOWN = 0x81  # drop a page from the TLB
VECTOR_TIMER = 0x91
VECTOR_LINE = 0xA1  # the I/O APIC's
