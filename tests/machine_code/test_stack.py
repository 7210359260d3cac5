from pathlib import Path

import pytest

from codegen.inspect.flow import BadFlow
from codegen.inspect.machine_code import read_code
from codegen.inspect.stack import Stacks
from tests.machine_code.objects import function, linked


def stacks(folder: Path, text: str, *options: str) -> Stacks:
    return Stacks(read_code(linked(folder, text, *options)))


LEAF = function(
    "leaf", "pushq %rbp\nmovq %rsp, %rbp\nsubq $24, %rsp\nmovq %rdi, -8(%rbp)\naddq $24, %rsp\npopq %rbp\nret"
)


def test_a_leaf_needs_what_it_pushes_and_subtracts(tmp_path: Path) -> None:
    assert stacks(tmp_path, LEAF).depth_of("leaf").bytes == 8 + 24


def test_a_call_adds_the_return_address_and_the_callee(tmp_path: Path) -> None:
    found = stacks(tmp_path, LEAF + function("outer", "pushq %rbx\ncall leaf\npopq %rbx\nret")).depth_of("outer")
    assert found.bytes == 8 + 8 + 32
    assert found.way == ("outer", "leaf")


def test_a_last_call_replaces_its_caller(tmp_path: Path) -> None:
    text = LEAF + function("outer", "pushq %rbx\npopq %rbx\njmp leaf")
    assert stacks(tmp_path, text).depth_of("outer").bytes == 32


def test_the_deepest_of_several_ways_counts(tmp_path: Path) -> None:
    body = "testl %edi, %edi\nje 1f\nsubq $100, %rsp\naddq $100, %rsp\nret\n1: call leaf\nret"
    assert stacks(tmp_path, LEAF + function("outer", body)).depth_of("outer").bytes == 100


def test_a_table_of_functions_counts_with_its_deepest_entry(tmp_path: Path) -> None:
    table = '.section .rodata,"a"\n.type TABLE, @object\nTABLE: .quad leaf, deep\n.size TABLE, 16\n.text\n'
    deep = function("deep", "subq $400, %rsp\naddq $400, %rsp\nret")
    outer = function("outer", "call *TABLE(,%rdi,8)\nret")
    loaded = function("loaded", "movq $TABLE, %rax\nmovq (%rax,%rdi,8), %rax\ncall *%rax\nret")
    found = stacks(tmp_path, LEAF + deep + table + outer + loaded)
    assert found.depth_of("outer").bytes == found.depth_of("loaded").bytes == 408
    assert found.depth_of("outer").way == ("outer", "deep")


def test_a_jump_table_leads_to_the_functions_own_blocks(tmp_path: Path) -> None:
    table = '.section .rodata,"a"\n.Ltable: .quad .Lfirst, .Lsecond\n.text\n'
    body = "jmp *.Ltable(,%rdi,8)\n.Lfirst: ret\n.Lsecond: subq $72, %rsp\naddq $72, %rsp\nret"
    found = stacks(tmp_path, table + function("switch", body))
    assert found.depth_of("switch").bytes == 72


def test_what_does_not_return_ends_the_way(tmp_path: Path) -> None:
    stop = function("stop", "1: hlt\njmp 1b")
    outer = function("outer", "pushq %rbx\ntestl %edi, %edi\nje 1f\npopq %rbx\nret\n1: pushq %rax\ncall stop")
    assert stacks(tmp_path, stop + outer).depth_of("outer").bytes == 8 + 8 + 8


def test_failed_checks_are_left_out(tmp_path: Path) -> None:
    trap = function("trap", "call outer\n1: hlt\njmp 1b")
    outer = function("outer", "testl %edi, %edi\njne 1f\nret\n1: call trap")
    assert stacks(tmp_path, trap + outer).depth_of("outer").bytes == 8


def test_an_alignment_of_the_stack_costs_at_most_so_much(tmp_path: Path) -> None:
    body = "pushq %rbp\nmovq %rsp, %rbp\nandq $-64, %rsp\nleaq (%rbp), %rsp\npopq %rbp\nret"
    assert stacks(tmp_path, function("aligned", body)).depth_of("aligned").bytes == 8 + 56


def test_arguments_that_a_callee_takes_along_are_gone(tmp_path: Path) -> None:
    callee = function("callee", "ret $4")
    outer = function("outer", "pushl $1\ncall callee\npushl $2\npopl %eax\nret")
    assert stacks(tmp_path, callee + outer, "--32").depth_of("outer").bytes == 8


UNBOUNDED = {
    "subq %rdi, %rsp\naddq %rdi, %rsp\nret": "sub rsp, rdi",
    "movq %rdi, %rsp\nret": "mov rsp, rdi",
    "popq %rsp\nret": "pop rsp",
    "xchgq %rax, %rsp\nret": "xchg",
    "enter $16, $0\nleave\nret": "enter",
    "movl %edi, %esp\nret": "mov esp, edi",
    "pushw %ax\npopw %ax\nret": "push ax",
    "call bad\nret": "recursion: bad -> bad",
    "call *%rdi\nret": "goes anywhere",
    "1: pushq %rax\njmp 1b": "depths",
    "testl %edi, %edi\nje 1f\npushq %rax\n1: ret": "depths",
    "nop": "no instruction of it",
}


@pytest.mark.parametrize("body", UNBOUNDED)
def test_a_stack_that_cannot_be_bounded_is_refused(body: str, tmp_path: Path) -> None:
    found = stacks(tmp_path, function("bad", body))
    with pytest.raises(BadFlow, match=UNBOUNDED[body]):
        found.depth_of("bad")


BELOW = {
    "movq %rax, -8(%rsp)\nret": 1,
    "pushq %rbp\nmovq %rsp, %rbp\nmovq %rdi, -8(%rbp)\npopq %rbp\nret": 1,
    "lock orl $0, -64(%rsp)\nret": 1,
    "pushq %rbp\nmovq %rsp, %rbp\nsubq $8, %rsp\nmovq %rdi, -8(%rbp)\nleave\nret": 0,
    "leaq -8(%rsp), %rax\nret": 0,
    "movq %gs:-8, %rax\nret": 0,
}


@pytest.mark.parametrize("body", BELOW)
def test_accesses_below_the_stack_pointer_are_found(body: str, tmp_path: Path) -> None:
    found = stacks(tmp_path, function("red", body))
    assert len(found.flow(found.code.routine("red").start).below) == BELOW[body]


def test_code_that_no_way_reaches_is_seen(tmp_path: Path) -> None:
    found = stacks(tmp_path, function("half", "ret\nmovl $1, %eax\nret"))
    routine = found.code.routine("half")
    assert {each.address for each in routine.instructions} - found.flow(routine.start).reached
