import re

from codegen.inspect.machine_code import MachineCode, is_padding
from codegen.inspect.stack import Stacks
from codegen.inspect.vector import vector_instructions

# Who may touch the guests' vector state, and how. At -O2 the instructions are inlined.
SAVE_AND_RESTORE = {
    "release": {
        "hypervisor.vcpu.hold.release": {"xsave64"},
        "hypervisor.vcpu.hold.load_extended_state": {"xrstor64"},
    },
    "debug": {
        "codegen.lang.intrinsics.state.xsave64": {"xsave64"},
        "codegen.lang.intrinsics.state.xrstor64": {"xrstor64"},
    },
}
NEUTRAL = {"boot_entry", "trap_entries", "leave_loader_stack", "image_bound", "trampoline_text"}
ASSEMBLED = {"vt-x": {*NEUTRAL, "vmx_enter"}, "amd-v": {*NEUTRAL, "svm_enter", "svm_enter_guarded"}}


def test_vector_state_is_touched_only_where_it_is_saved_and_restored(code: MachineCode, image: tuple[str, str]) -> None:
    allowed = SAVE_AND_RESTORE[image[1]]
    found = list(vector_instructions(code.routines))
    assert [use for use in found if use[1].split()[0] not in allowed.get(use[0], ())] == []
    assert {name for name, _ in found} == allowed.keys()


def test_every_byte_of_code_is_a_routine_or_padding(code: MachineCode) -> None:
    assert [(hex(address), content[:16].hex()) for address, content in code.gaps if not is_padding(content)] == []
    assert len(code.routines) > 300


def test_assembly_is_where_we_know_of_it(code: MachineCode, image: tuple[str, str]) -> None:
    # test_stubs.py compares it with a second assembler; everything else was compiled, and is scanned here.
    assert {routine.name for routine in code.routines if routine.kind == "stub"} == ASSEMBLED[image[0]]


def scan(stacks: Stacks) -> tuple[list[str], list[str]]:
    """Accesses below the stack pointer, and code that no way reaches."""
    below, unreached = [], []
    for routine in stacks.code.routines:
        if routine.name == "boot_entry":  # three modes in one; it pushes, and calls `start`
            continue
        flow = stacks.flow(routine.start)
        below += [f"{routine.name}: {access}" for access in flow.below]
        unreached += [
            f"{routine.name}: {each.mnemonic} {each.op_str} at {each.address:#x}"
            for each in routine.instructions
            if each.address not in flow.reached and each.mnemonic not in ("nop", "int3", "ud2")
        ]
    return below, unreached


def test_nothing_lies_below_the_stack_pointer_and_no_way_is_unknown(stacks: Stacks) -> None:
    assert scan(stacks) == ([], [])


def test_the_bios_loader_is_held_to_the_same(loader: Stacks) -> None:
    assert list(vector_instructions(loader.code.routines)) == []
    assert [content.hex() for _, content in loader.code.gaps if not is_padding(content, 32)] == []
    assert scan(loader) == ([], [])


def test_so_is_the_uefi_application(application: MachineCode) -> None:
    # All bytes decode, or reading it would have failed. The firmware's stack has 128 KiB (UEFI 2.10, 2.3.4).
    assert list(vector_instructions(application.routines)) == []
    instructions = [each for routine in application.routines for each in routine.instructions]
    assert len(instructions) > 1500
    below = re.compile(r"\[rsp - ")
    assert [each for each in instructions if each.mnemonic != "lea" and below.search(each.op_str)] == []
