"""Against the processor's own arithmetic: each operation is assembled and run in this process."""

from __future__ import annotations

import ctypes
import functools
import mmap
import random

import keystone
import pytest

from codegen.lang import storage, u32, u64
from hypervisor.exits.arithmetic import CF, STATUS, ZF, Combined, combine
from hypervisor.exits.decode.mmio import Combine
from hypervisor.exits.decode.registers import merge_index
from hypervisor.exits.memory import sign_extend
from tests.played_guest.machine import everywhere

COMBINED = storage(Combined)
LEFT = {1: "dil", 2: "di", 4: "edi", 8: "rdi"}
RIGHT = {1: "sil", 2: "si", 4: "esi", 8: "rsi"}
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, (1 << 64) - 1)
AF = 1 << 4
FORMS = [(operation, width) for operation in Combine for width in RIGHT if (operation, width) != (Combine.BIT_TEST, 1)]
"""BT has no byte form."""
ASSEMBLER = keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_64)
_pages = mmap.mmap(-1, 64 * 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


@functools.cache
def machine_code(operation: Combine, width: int):
    """A C function (left, right, flags, *flags after) -> left after."""
    act = f"{'bt' if operation == Combine.BIT_TEST else operation.name} {LEFT[width]}, {RIGHT[width]}"
    text = f"push rdx; popfq; {act}; pushfq; pop rax; mov [rcx], rax; cld; mov rax, rdi; ret"
    code = bytes(ASSEMBLER.asm(text.lower())[0])
    offset = (operation.value * 4 + width.bit_length() - 1) * 64
    _pages[offset : offset + len(code)] = code
    pointer = ctypes.POINTER(ctypes.c_uint64)
    kind = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, pointer)
    return kind(ctypes.addressof(ctypes.c_char.from_buffer(_pages)) + offset)


def check(run, operation, width, left, right, flags):
    after = ctypes.c_uint64()
    result = machine_code(operation, width)(left, right, flags | 0x202, ctypes.byref(after))
    run(combine, operation, u64(left), u64(right), u32(width), u64(flags), COMBINED)
    mask = (1 << 8 * width) - 1
    logical = operation in (Combine.AND, Combine.OR, Combine.XOR, Combine.TEST)
    defined = STATUS & ~AF if logical else CF | ZF if operation == Combine.BIT_TEST else STATUS
    if operation not in (Combine.CMP, Combine.TEST, Combine.BIT_TEST):
        assert int(COMBINED.value) == result & mask
    assert int(COMBINED.flags) & defined == after.value & defined, (operation, width, hex(left), hex(right), hex(flags))
    assert int(COMBINED.flags) & ~STATUS == flags & ~STATUS


@everywhere
@pytest.mark.parametrize(("operation", "width"), FORMS)
def test_results_and_flags_are_the_processors(run, operation, width):
    source = random.Random(width)
    for left in EDGES[::2]:
        for right in EDGES[1::3]:
            check(run, operation, width, left, right, source.choice((0, STATUS, 1)))
    for _ in range(60):
        check(run, operation, width, source.getrandbits(64), source.getrandbits(64), source.getrandbits(12) & STATUS)


@pytest.mark.parametrize(("width", "value", "extended"), [(1, 0x80, -0x80), (1, 0x7F, 0x7F), (2, 0x8000, -0x8000)])
def test_signs_are_extended(width, value, extended):
    assert int(sign_extend(u64(value), u32(width))) == extended & ((1 << 64) - 1)


def test_an_index_keeps_what_its_address_size_does_not_hold():
    old = u64(0x1122_3344_5566_7788)
    assert merge_index(old, u64(0x1_0001), u32(2)) == 0x1122_3344_5566_0001
    assert merge_index(old, u64(0x1_0000_0001), u32(4)) == 1
    assert merge_index(old, u64(5), u32(8)) == 5
