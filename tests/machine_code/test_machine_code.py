from pathlib import Path

import pytest

from codegen.inspect.machine_code import is_padding, read_code
from codegen.inspect.repeats import repeats
from codegen.inspect.vector import vector_instructions
from tests.machine_code.objects import function, linked


def test_every_byte_is_a_routine_or_padding(tmp_path: Path) -> None:
    code = read_code(linked(tmp_path, function("one", "movl %edi, %eax\nret") + function("two", "ret")))
    assert [(routine.name, routine.kind, len(routine.code)) for routine in code.routines] == [
        ("one", "function", 3),
        ("two", "function", 1),
    ]
    assert [is_padding(content) for _, content in code.gaps] == [True, True]


def test_code_that_no_symbol_names_is_no_padding(tmp_path: Path) -> None:
    code = read_code(linked(tmp_path, function("one", "ret") + "movq %rax, %cr3\nret\n"))
    assert not all(is_padding(content) for _, content in code.gaps)


def test_bytes_that_are_no_instruction_are_found(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one: 06"):
        read_code(linked(tmp_path, function("one", "nop\n.byte 0x06")))


def test_an_instruction_that_a_functions_end_cuts_is_found(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one: b8"):
        read_code(linked(tmp_path, function("one", "ret\n.byte 0xb8, 0, 0")))


VECTOR = """
movaps %xmm0, (%rdi) | vmovdqu %ymm1, %ymm2 | vaddps %zmm1, %zmm2, %zmm3 | kmovq %k1, %rax | pxor %mm0, %mm1
fldl (%rdi) | fninit | fwait | fxsave (%rdi) | xsaveopt64 (%rdi) | xrstors (%rdi) | ldmxcsr (%rdi) | emms
vzeroupper | cvtsi2sd %rax, %xmm0 | fld %st(1) | stmxcsr (%rdi) | movnti %rax, (%rdi) | prefetcht0 (%rdi)
"""
INNOCENT = ("movnti %rax, (%rdi)", "prefetcht0 (%rdi)")  # SSE by their age only: no vector state


@pytest.mark.parametrize("text", [each.strip() for line in VECTOR.strip().splitlines() for each in line.split("|")])
def test_uses_of_vector_state_are_found(text: str, tmp_path: Path) -> None:
    found = list(vector_instructions(read_code(linked(tmp_path, function("one", f"{text}\nret"))).routines))
    assert [name for name, _ in found] == ([] if text in INNOCENT else ["one"])


@pytest.mark.parametrize("text", ["wbinvd", "rdmsr", "movq %fs:0, %rax", "popcntq %rax, %rax", "lfence", "xsetbv"])
def test_other_instructions_are_none(text: str, tmp_path: Path) -> None:
    code = read_code(linked(tmp_path, function("one", f"{text}\nret")))
    assert list(vector_instructions(code.routines)) == []


def test_repeats_are_string_instructions_only(tmp_path: Path) -> None:
    code = read_code(linked(tmp_path, function("one", "pause\nrep stosq\nrepe cmpsb\nrep ret")))
    assert [(each.mnemonic, each.following - each.address) for each in repeats(code)] == [
        ("rep stosq", 3),
        ("repe cmpsb", 2),
    ]
