"""gdb on Bochs, VT-x: the same session, served by Bochs' own debugger behind gdb's protocol."""

import re

import pytest

from hypervisor.vm.cpuid_table import LeafKind
from tests.debug.guest import ENTRY, VALUE, write_guest
from tests.debug.session import debug, frames

HANDLER = "hypervisor.exits.cpuid.reply_patched"
COMMANDS = (
    "info registers rip",
    f"break {HANDLER}",
    "continue",
    "bt",
    "info args",
    "print *answer",
    "kb guest",
    f"kb walk {ENTRY:#x}",
    "kb vmcs",
    "delete",
    "break vmx_enter",
    "continue ",
    "stepi 20",
    "kb vms",
    "stepi 15",
    "bt ",
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    config = write_guest(tmp_path_factory.mktemp("debug"))
    return debug(config, COMMANDS, "--host", "bochs", "--memory", "256M")


def test_starts_halted_at_the_reset_vector(shown: dict[str, str]) -> None:
    assert "0xfff0" in shown["info registers rip"]


def test_breaks_in_an_exits_handler(shown: dict[str, str]) -> None:
    assert HANDLER in shown["continue"]
    assert frames(shown["bt"])[:2] == [HANDLER, "hypervisor.exits.cpuid.emulate_cpuid"]
    assert frames(shown["bt"])[-2:] == ["hypervisor.main.start_on_own_stack", "leave_loader_stack"]
    assert "<hypervisor.vcpu.pool.VCPUS>" in shown["info args"]
    assert f"kind = {int(LeafKind.FEATURES.value)}," in shown["print *answer"]


def test_shows_the_guests_registers(shown: dict[str, str]) -> None:
    text = shown["kb guest"]
    assert f"rbx {VALUE:016x}" in text and f"rip {ENTRY + 12:016x}" in text
    assert "cs 0010 base 0000000000000000 limit ffffffff rights 0c09b" in text


def test_walks_the_extended_page_tables(shown: dict[str, str]) -> None:
    lines = shown[f"kb walk {ENTRY:#x}"].splitlines()
    assert "rights=0x7" in lines[0]
    assert re.fullmatch(rf"GPA {ENTRY:#x} is HPA 0x\w+, by a page of \d .iB", lines[-1])


def test_shows_the_vmcs(shown: dict[str, str]) -> None:
    fields = dict(line.split() for line in shown["kb vmcs"].splitlines())
    assert fields["EXIT_REASON"] == "0xa" and fields["EXIT_INSTRUCTION_LENGTH"] == "0x2"
    assert fields["GUEST_RIP"] == f"{ENTRY + 12:#x}"
    assert fields["VMCS_LINK_POINTER"] == f"{(1 << 64) - 1:#x}"


def test_steps_into_the_guest_and_out_again(shown: dict[str, str]) -> None:
    assert int(re.search(r"0x(\w+) in", shown["stepi 20"])[1], 16) < ENTRY + 64  # type: ignore[index]
    assert shown["kb vms"].endswith("the processor runs a guest, or firmware")
    assert frames(shown["bt "])[:2] == ["vmx_enter", "hypervisor.vcpu.vmx.entry.vcpu_run"]
