"""gdb on a running machine: QEMU, AMD-V, the image that is not optimised, a guest of a dozen instructions."""

import re

import pytest

from hypervisor.vm.cpuid_table import LeafKind
from tests.debug.guest import ENTRY, VALUE, write_guest
from tests.debug.session import debug, frames, place

FIRST_INSTRUCTION = "tbreak *0x1000000"
HANDLER = "hypervisor.exits.cpuid.reply_patched"
LINE = place("hypervisor/exits/port.py", "if access.is_string")
LOADED = place("hypervisor/vm/boot/multiboot.py", "if loaded.end > low_ram_end")
INTERRUPT = "python import os, signal, threading; threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()"
OUTERMOST = [
    "hypervisor.exits.table.answer_exit",
    "hypervisor.vcpu.run.run_slice",
    "hypervisor.sched.turn.run_until",
    "hypervisor.sched.turn.run_turn",
    "hypervisor.sched.loop.schedule_once",
    "hypervisor.sched.loop.schedule",
    "hypervisor.main.start_on_own_stack",
    "leave_loader_stack",
]
COMMANDS = (
    FIRST_INSTRUCTION,
    "continue ",
    "info registers rip",
    f"break {HANDLER}",
    "kb break emulate_port",
    f"break {LINE}",
    f"tbreak {LOADED}",
    "info breakpoints",
    "continue",
    "print kernel",
    "print error",
    "print *loaded",
    "continue  ",
    "bt",
    "next",
    "next ",
    "next  ",
    "info locals",
    "info args",
    "print *answer",
    "print vcpu.state",
    "print vcpu.vm.flags",
    "kb print VMS[0].name.length",
    "kb print hypervisor.vm.vm.VMS[0].state",
    "kb print vcpu.index",
    "kb print CPUS[0].loaded_vcpu == vcpu",
    "kb print VMS[0].state == VmState.RUNNING",
    "kb guest",
    f"kb walk {ENTRY:#x}",
    "kb walk 0x7000000000",
    "kb vmcb",
    "kb vms",
    "print $kb_monitor()",
    "continue   ",
    "bt 1",
    "continue    ",
    "bt 2",
    "print access",
    "delete",
    "tbreak hypervisor.cpu.interrupts.dispatch_interrupt",
    "continue     ",
    "bt ",
    f"tbreak *{ENTRY:#x}",
    "continue      ",
    "kb guest ",
    "kb print VMS[0].name.length ",
    "print $kb_monitor() ",
    "break svm_enter",
    "continue       ",
    "stepi 20",
    "bt  ",
    "delete ",
    INTERRUPT,
    "continue        ",
    "kb vms ",
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return debug(write_guest(tmp_path_factory.mktemp("debug")), COMMANDS, "--memory", "256M")


def test_stops_before_paging_is_on(shown: dict[str, str]) -> None:
    assert "0x1000000" in shown["info registers rip"]


def test_breaks_at_functions_and_lines_of_python_before_the_image_runs(shown: dict[str, str]) -> None:
    for where in ("hypervisor.exits.cpuid.reply_patched at", "hypervisor.exits.port.emulate_port at", LINE, LOADED):
        assert where in shown["info breakpoints"]
    assert HANDLER in shown["continue  "] and "def reply_patched" in shown["continue  "]
    assert shown["bt 1"].startswith("#0  hypervisor.exits.port.emulate_port")
    assert LINE in shown["bt 2"].splitlines()[0]


def test_a_backtrace_leads_from_the_exits_handler_to_main(shown: dict[str, str]) -> None:
    assert frames(shown["bt"]) == [HANDLER, "hypervisor.exits.cpuid.emulate_cpuid", *OUTERMOST]
    assert "stopped" not in shown["bt"]


def test_a_backtrace_leads_through_the_trap_and_entry_stubs(shown: dict[str, str]) -> None:
    found = frames(shown["bt "])
    assert found[:3] == [
        "hypervisor.cpu.interrupts.dispatch_interrupt",
        "hypervisor.cpu.traps.handle_trap",
        "trap_entries",
    ]
    assert found[-3:] == [
        "hypervisor.sched.loop.schedule",
        "hypervisor.main.start_on_own_stack",
        "leave_loader_stack",
    ]


def test_locals_and_arguments_have_their_values(shown: dict[str, str]) -> None:
    assert "leaf = 1" in shown["info locals"]
    assert re.search(r"vcpu = 0x\w+ <hypervisor.vcpu.pool.VCPUS>", shown["info args"])


def test_structs_enums_and_bit_structs_are_shown_by_name(shown: dict[str, str]) -> None:
    assert f"kind = {int(LeafKind.FEATURES.value)}," in shown["print *answer"]
    assert shown["print vcpu.state"].endswith("= VcpuState.RUNNABLE")
    assert "kvm_signature = true" in shown["print vcpu.vm.flags"]
    assert "port = 128" in shown["print access"] and "is_in = false" in shown["print access"]


def test_spans_and_options_are_shown_as_python_writes_them(shown: dict[str, str]) -> None:
    assert re.search(r"= Span\(0x\w+, \d+\)$", shown["print kernel"])
    assert shown["print error"].endswith("= None")
    assert f"entry = {ENTRY}" in shown["print *loaded"]


def test_static_memory_has_its_name_in_python(shown: dict[str, str]) -> None:
    assert shown["kb print VMS[0].name.length"].endswith(f"= {len('debugged')}")
    assert shown["kb print hypervisor.vm.vm.VMS[0].state"].endswith("= VmState.RUNNING")
    assert shown["kb print vcpu.index"].endswith("= 0")
    assert shown["kb print VMS[0].state == VmState.RUNNING"].endswith("= 1")


def test_per_cpu_data_has_its_name(shown: dict[str, str]) -> None:
    assert shown["kb print CPUS[0].loaded_vcpu == vcpu"].endswith("= 1")


def test_shows_the_guests_registers(shown: dict[str, str]) -> None:
    text = shown["kb guest"]
    assert text.startswith("debugged, vCPU 0: VcpuState.RUNNABLE")
    assert f"rbx {VALUE:016x}" in text and "rax 0000000000000001" in text
    assert re.search(rf"rip {ENTRY + 12:016x}", text)
    assert re.search(r"hardware_reason +0x72", text)


def test_shows_the_guests_registers_while_the_guest_runs(shown: dict[str, str]) -> None:
    assert shown["print $kb_monitor() "].endswith("= 0") and shown["print $kb_monitor()"].endswith("= 1")
    assert "debugged, vCPU 0" in shown["kb guest "]
    assert shown["kb print VMS[0].name.length "].endswith(f"= {len('debugged')}")


def test_walks_the_nested_page_tables(shown: dict[str, str]) -> None:
    lines = shown[f"kb walk {ENTRY:#x}"].splitlines()
    assert [line.split()[0] for line in lines] == ["PML4", "PDPT", "PD", "GPA"]
    assert "present writable user" in lines[0] and "large" in lines[2]
    assert re.fullmatch(rf"GPA {ENTRY:#x} is HPA 0x\w+, by a page of 2 MiB", lines[3])
    assert shown["kb walk 0x7000000000"].endswith("GPA 0x7000000000 is not mapped")


def test_shows_the_vmcb(shown: dict[str, str]) -> None:
    text = shown["kb vmcb"]
    assert re.search(r"exit_code +0x72\n", text) and re.search(rf"rip +{ENTRY + 12:#x}\n", text)
    assert re.search(r"cs +selector 0x10, attributes 0xc9b, limit 0xffffffff, base 0x0", text)


def test_ctrl_c_stops_the_machine(shown: dict[str, str]) -> None:
    assert "SIGINT" in shown["continue        "]
    assert "VM 0 debugged" in shown["kb vms "]


def test_lists_the_machines(shown: dict[str, str]) -> None:
    assert "VM 0 debugged: VmState.RUNNING, 16 MiB" in shown["kb vms"]
    assert re.search(r"vCPU 0: VcpuState.RUNNABLE, \d+ exits, in the processor", shown["kb vms"])
