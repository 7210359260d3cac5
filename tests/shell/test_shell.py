from __future__ import annotations

import re

import pytest

from codegen.lang import Span, host, u8, u32, u64
from drivers.pci.address import PciAddress
from drivers.pci.functions import PCI, BarFault, BarKind, PciOwner
from drivers.storage.disk import DISKS, DiskDriver, disk_add
from hypervisor.config.manifest import DiskSource
from hypervisor.console.console import console_interrupt, console_start, console_start_interrupts
from hypervisor.console.guests import console_add_guest, console_put_guest, console_show_guests
from hypervisor.console.log import log
from hypervisor.console.view import VIEW, ViewKind
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.net.port import PORTS, Drop
from hypervisor.sched import notify
from hypervisor.sched.entity import EntityState, entity_start, share_start
from hypervisor.sched.queues import QUEUES, queues_start
from hypervisor.sched.scheduler import wake
from hypervisor.sched.vcpus import ENTITIES, SHARES
from hypervisor.shell.cpus import parse_cpus
from hypervisor.shell.edit import EDIT_MAX
from hypervisor.shell.output import PROMPT
from hypervisor.shell.run import RUNNING
from hypervisor.shell.shell import serve_terminal
from hypervisor.shell.table import COUNT, LIST
from hypervisor.storage.partitions.partition import PARTITIONS
from hypervisor.time.clock import clock_start
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.pool import POOL, VCPUS, VCPUS_MAX, take_vcpus
from hypervisor.vcpu.vcpu import VcpuState
from hypervisor.vm.vm import VMS, VmState
from tests.console.fake_uart import FakeUart

PROMPTED = bytes(PROMPT)


def text(content: bytes) -> Span:
    return content  # type: ignore[return-value]


class Terminal:
    """The serial line's other end, and the service rounds between."""

    def __init__(self) -> None:
        self.uart = FakeUart()
        console_start(False)
        console_start_interrupts()

    def round(self) -> bytes:
        """One service round; what it printed."""
        serve_terminal()
        self.drain()
        return self.taken()

    def drain(self) -> None:
        while self.uart.interrupt():
            console_interrupt()

    def taken(self) -> bytes:
        sent = bytes(self.uart.sent)
        self.uart.sent.clear()
        return sent

    def type(self, keys: bytes) -> bytes:
        """Type, and go round until nothing happens any more; what was printed."""
        self.uart.arriving += keys
        self.drain()
        said = self.taken() + self.round()
        while RUNNING.busy:
            said += self.round()
        return said + self.round()

    def enter(self, line: str) -> list[str]:
        """The lines that a command printed."""
        said = self.type(line.encode() + b"\r")
        assert said.endswith(PROMPTED), said
        return said.removesuffix(PROMPTED).decode().split("\r\n")[1:-1]


def add_vm(number: int, name: bytes, vcpus: int) -> None:
    vm = VMS[number]
    first = take_vcpus(u32(vcpus))
    assert first is not None
    vm.id, vm.state, vm.vcpu_first, vm.vcpu_count = number, VmState.RUNNING, first, vcpus
    vm.memory_size = 256 << 20
    vm.name.length = len(name)
    for i, byte in enumerate(name):
        vm.name.bytes[i] = byte
    share_start(SHARES[number], u32(100), u32(0))
    for i in range(vcpus):
        vcpu = VCPUS[first + i]
        vcpu.vm, vcpu.index, vcpu.state = vm, i, VcpuState.RUNNABLE
        entity_start(ENTITIES[first + i], SHARES[number], first + i, u64(0b11))
        wake(ENTITIES[first + i], u64(0))
    console_add_guest(u32(number), text(name))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(notify, "send_kicks", lambda mask: None)  # the other processor is not played
    terminal = Terminal()
    queues_start(u32(2))
    add_vm(0, b"mach", 1)
    add_vm(1, b"debian", 2)
    assert terminal.type(b"\x01m").endswith(PROMPTED)
    return terminal


def test_help_names_every_command_and_explains_each(terminal: Terminal) -> None:
    lines = terminal.enter("help")
    assert [line.split(":")[0] for line in lines[:-1]] == [each.usage for each in LIST]
    for each in LIST:
        assert terminal.enter(f"help {each.name}") == [f"{each.usage}: {each.summary}"]
        assert each.summary.endswith(".") and len(each.usage + each.summary) < 118


def test_every_command_answers(terminal: Terminal) -> None:
    examples = {"VM": "debian", "[VM]": "", "N": "50", "on|off": "off", "[COMMAND]": "", "CPUS": "0-1", "[now]": ""}
    for each in LIST:
        if each.name == "focus":
            continue
        log("a line for the log")
        words = [each.name, *(examples[word] for word in each.usage.split()[1:])]
        assert terminal.enter(" ".join(words)), each.name


REFUSALS = {
    "frob": "frob: no such command; `help` lists them",
    "help frob": "frob: no such command; `help` lists them",
    "info": "usage: info VM",
    "info a b": "a: no such VM; `list` shows them",
    "info mach b": "usage: info VM",
    "info a b c d e f": "usage: info VM",
    "mem 1": "usage: mem",
    "reboot": "2 VMs have not stopped: `poweroff` or `kill` them first, or say `reboot now`",
    "reboot later": "usage: reboot [now]",
    "halt": "2 VMs have not stopped: `poweroff` or `kill` them first, or say `halt now`",
    "halt now now": "usage: halt [now]",
    "weight mach": "usage: weight VM N",
    "weight mach ten": "ten: no decimal number; usage: weight VM N",
    "weight mach -1": "-1: no decimal number; usage: weight VM N",
    "weight mach 0": "mach: a weight is a number from 1 to 10000",
    "weight mach 10001": "mach: a weight is a number from 1 to 10000",
    "weight mach 99999999999999999999": "99999999999999999999: no decimal number; usage: weight VM N",
    "cap mach 101": "mach: its virtual CPUs can use at most 100 percent each; 0 takes the cap away",
    "cap debian 201": "debian: its virtual CPUs can use at most 100 percent each; 0 takes the cap away",
    "pin mach": "usage: pin VM CPUS",
    "pin mach 0,": "0,: no processors; write numbers and ranges, as 0,2-3",
    "pin mach 64": "64: no processors; write numbers and ranges, as 0,2-3",
    "pin mach 1-0": "1-0: no processors; write numbers and ranges, as 0,2-3",
    "pin mach 0-63": "mach: the machine has no such processor; `cpus` shows them",
    "pin mach 2": "mach: the machine has no such processor; `cpus` shows them",
}


@pytest.mark.parametrize("line", REFUSALS)
def test_a_refusal_says_what_and_the_remedy(terminal: Terminal, line: str) -> None:
    assert terminal.enter(line) == [REFUSALS[line]]


def test_weight_and_cap_change_the_share(terminal: Terminal) -> None:
    assert terminal.enter("weight mach 300") == ["mach: weight 300, cap 0, cpus 0x3"]
    assert terminal.enter("cap 1 150") == ["debian: weight 100, cap 150, cpus 0x3"]
    assert (int(SHARES[0].weight), int(SHARES[1].quota)) == (300, 75_000_000)
    assert terminal.enter("weight deb 7") == ["debian: weight 7, cap 150, cpus 0x3"]
    assert int(SHARES[1].quota) == 75_000_000
    assert terminal.enter("cap debian 0") == ["debian: weight 7, cap 0, cpus 0x3"]


def test_a_pinned_vm_has_these_processors(terminal: Terminal) -> None:
    assert terminal.enter("pin debian 1") == ["debian: weight 100, cap 0, cpus 0x2"]
    assert [int(ENTITIES[number].allowed) for number in range(3)] == [3, 2, 2]
    assert terminal.enter("pin debian 0,1") == ["debian: weight 100, cap 0, cpus 0x3"]


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("0", 1),
        ("63", 1 << 63),
        ("0-63", (1 << 64) - 1),
        ("1,3,5-6", 0b1101010),
        ("2-2,2", 0b100),
        *[(text, None) for text in ("", ",", "1,", "-", "1-", "-1", "1-2-3", "3-1", "64", "0-64", "x", "0 1")],
    ],
)
def test_processors_are_numbers_and_ranges(text: str, mask: int | None) -> None:
    assert parse_cpus(text.encode()) == mask  # type: ignore[arg-type]


def test_list_and_stats_show_the_vms_as_they_are(terminal: Terminal) -> None:
    VMS[0].state = VmState.STOPPED
    ENTITIES[1].ran = ENTITIES[2].ran = 1_500_000_000
    first, second = terminal.enter("list")
    assert first.startswith("0: mach, STOPPED, 1 vCPU (0 asleep, cpus 0x0), 256 MiB, weight 100")
    assert second.startswith("1: debian, RUNNING, 2 vCPU") and second.endswith("ran 3000 ms")
    VCPUS[2].exits[int(ExitKind.CPUID.value)] = 12
    VCPUS[2].exits[int(ExitKind.HLT.value)] = 3
    assert terminal.enter("stats debian") == [
        "debian vCPU 0: 0 exits",
        "debian vCPU 1: 15 exits",
        "            12 CPUID",
        "             3 HLT",
    ]


def test_a_vcpu_is_shown_on_its_processor_asleep_or_waiting(terminal: Terminal) -> None:
    ENTITIES[0].state = EntityState.THROTTLED
    ENTITIES[1].state, ENTITIES[1].cpu, ENTITIES[1].allowed = EntityState.RUNNING, 1, 2
    ENTITIES[2].state, ENTITIES[2].ran, ENTITIES[2].allowed = EntityState.BLOCKED, 7_000_000, 3
    assert terminal.enter("info mach")[-1] == "  vCPU 0: RUNNABLE, THROTTLED for cpu 0 of 0x3, ran 0 ms"
    assert terminal.enter("info debian")[-2:] == [
        "  vCPU 0: RUNNABLE, runs on cpu 1 of 0x2, ran 0 ms",
        "  vCPU 1: RUNNABLE, sleeps on cpu 0 of 0x3, ran 7 ms",
    ]
    assert "2 vCPU (1 asleep, cpus 0x2)" in terminal.enter("list")[1]


def test_top_sorts_by_what_was_used_since_the_last_one(terminal: Terminal) -> None:
    terminal.enter("top")
    ENTITIES[0].ran, ENTITIES[1].ran = 5_000_000, 2_000_000
    first, second = terminal.enter("top")
    assert ": mach vCPU 0, 5 of " in first and ": debian vCPU 0, 2 of " in second
    ENTITIES[1].ran += 3_000_000
    (only,) = terminal.enter("top")
    assert ": debian vCPU 0, 3 of " in only
    assert terminal.enter("top") == ["no virtual CPU has run"]


def test_time_is_shown_up_to_now_also_of_a_turn_that_goes_on(terminal: Terminal) -> None:
    clock_start(u64(1_000_000_000), u64(0))
    host.cpu.tsc = 1_000_000_000
    terminal.enter("top")
    QUEUES[1].current, QUEUES[1].since, ENTITIES[2].cpu = ENTITIES[2], 1_500_000_000, 1
    host.cpu.tsc = 2_000_000_000
    (line,) = terminal.enter("top")
    assert re.match(r"  (49\.9|50\.0)% of a processor: debian vCPU 1, 500 of 1000 ms", line)


def test_a_processor_that_idles_is_shown_to_do_so(terminal: Terminal) -> None:
    clock_start(u64(1_000_000_000), u64(0))
    host.cpu.tsc = 3_000_000_000
    CPUS[1].apic_id, CPUS[1].turns = 3, 9
    CPUS[1].kicks.store(u64(4))
    CPUS[1].idle_since.store(u64(1))
    lines = terminal.enter("cpus")
    assert lines[0].startswith("cpu 0: APIC 0, idle 0.0%, 0 turns")
    assert lines[2].startswith("cpu 1: APIC 3, idle 99.9%, 9 turns") and lines[3].startswith("  interrupts: 4 kicks")


def test_a_long_answer_comes_in_bounded_rounds(terminal: Terminal) -> None:
    for number in range(2, 16):
        add_vm(number, b"vm%d" % number, 4)
    add_vm(15, b"vm15", VCPUS_MAX - int(POOL.taken).bit_count())
    for vcpu in range(VCPUS_MAX):
        for kind in (ExitKind.CPUID, ExitKind.HLT, ExitKind.PORT):
            VCPUS[vcpu].exits[int(kind.value)] = 1
    terminal.uart.arriving += b"stats\r"
    terminal.drain()
    rounds = [terminal.round()]
    while RUNNING.busy:
        rounds.append(terminal.round())
    assert max(said.count(b"\n") for said in rounds) <= 5
    assert b"".join(rounds).count(b" exits\r\n") == VCPUS_MAX


def test_control_c_ends_a_long_answer(terminal: Terminal) -> None:
    terminal.uart.arriving += b"help\r"
    terminal.drain()
    terminal.round()
    said = terminal.type(b"list\r\x03")
    assert b"(stopped)" in said and said.endswith(PROMPTED) and b"mach" not in said
    assert said.count(b"\n") < COUNT


def test_the_log_is_shown_and_not_grown_by_it(terminal: Terminal) -> None:
    log("something happened")
    terminal.round()
    for _ in range(2):
        assert terminal.enter("log") == ["something happened"]


def completed(terminal: Terminal, keys: bytes) -> str:
    """What stands on the line after these keys."""
    said = terminal.type(b"\x03" + keys)
    line = said.split(b"\n")[-1].split(b"\r")[-1].removeprefix(PROMPTED)
    shown: list[str] = []
    cursor = 0
    for byte in line.decode():
        if byte == "\b":
            cursor -= 1
        else:
            shown[cursor : cursor + 1] = [byte]
            cursor += 1
    assert not "".join(shown[cursor:]).strip(" ")
    return "".join(shown[:cursor])


def test_tab_completes_commands_and_names_as_far_as_they_are_certain(terminal: Terminal) -> None:
    assert completed(terminal, b"li\t") == "list "
    assert completed(terminal, b"weight d\t") == "weight debian "
    assert completed(terminal, b"help we\t") == "help weight "
    assert completed(terminal, b"cap debian 1\t") == "cap debian 1"
    assert completed(terminal, b"frob d\t") == "frob d"
    add_vm(2, b"debian-two", 1)
    assert completed(terminal, b"info d\t") == "info debian"
    said = terminal.type(b"\x03info debian\t")
    assert b"\r\n  debian\r\n  debian-two\r\n" in said and said.endswith(PROMPTED + b"info debian")


def test_the_line_is_edited_with_history(terminal: Terminal) -> None:
    terminal.enter("list")
    assert terminal.enter("\x1b[A\x1b[H\x1b[3~\x1b[3~\x1b[3~\x1b[3~help list") == ["list: " + summary("list")]
    assert completed(terminal, b"\x1b[A\x1b[A") == "list"
    assert completed(terminal, b"x" * (EDIT_MAX + 9)) == "x" * EDIT_MAX


def summary(name: str) -> str:
    return next(each.summary for each in LIST if each.name == name)


def test_what_the_monitor_says_leaves_the_typed_line_whole(terminal: Terminal) -> None:
    terminal.type(b"li")
    log("in between")
    assert terminal.round() == b"\r\nkeelback: in between\r\n" + PROMPTED + b"li"
    assert terminal.type(b"st\r").count(b"vCPU") == 2


def test_guests_are_not_seen_in_the_shell_and_focus_leads_to_them(terminal: Terminal) -> None:
    console_put_guest(u32(0), text(b"mach's\n"))
    console_show_guests()
    assert b"mach's" not in terminal.round()
    said = terminal.type(b"focus mach\r")
    assert said.endswith(b"keelback: the console of mach\r\nmach's\n")
    assert VIEW.kind == ViewKind.GUEST and VIEW.guest == 0


def test_without_vms_the_shell_says_so() -> None:
    terminal = Terminal()
    queues_start(u32(1))
    terminal.type(b"\x01m")
    assert terminal.enter("list") == ["there is no VM: `log` says why"]
    assert terminal.enter("info mach") == ["mach: no such VM; `list` shows them"]
    assert re.match("free: 0 MiB", terminal.enter("mem")[0])


def test_any_bytes_leave_a_shell_that_works(terminal: Terminal) -> None:
    for seed in range(40):
        garbage = bytes((seed * 7919 + i * i * 31 + i * 17) % 256 for i in range(60)).replace(b"\x01", b"")
        terminal.type(garbage)
    terminal.type(b"\x03")
    assert len(terminal.enter("list")) == 2


def test_pci_shows_functions_bridges_and_what_is_wrong_with_a_bar(terminal: Terminal) -> None:
    assert terminal.enter("pci") == ["no PCI function was found: `log` says why"]
    bridge, card = PCI.functions[0], PCI.functions[1]
    bridge.place, bridge.vendor, bridge.device = PciAddress(device=u8(28)), 0x8086, 0x3420
    bridge.class_code, bridge.secondary, bridge.subordinate = 0x0604, 1, 3
    card.place, card.vendor, card.device = PciAddress(bus=u8(1), function=u8(7)), 0x8086, 0x10D3
    card.class_code, card.owner, card.msi, card.msix, card.msix_vectors = 0x0200, PciOwner.E1000, 0xD0, 0xA0, 5
    card.bars[0].kind, card.bars[0].address, card.bars[0].size = BarKind.MEMORY, 0xFEA0_0000, 131072
    card.bars[2].kind, card.bars[2].size, card.bars[2].fault = BarKind.IO, 32, BarFault.UNASSIGNED
    PCI.function_count = 2
    assert terminal.enter("pci") == [
        "0000:00:1c.0 [8086:3420] PCI bridge (0604), used by NONE",
        "  buses 0x1 to 0x3: usable",
        "0000:01:00.7 [8086:10d3] Ethernet card (0200), used by E1000",
        "  BAR 0: memory 0xfea00000, 131072 bytes: usable",
        "  BAR 2: ports 0x0, 32 of them: the firmware gave it no address",
        "  MSI",
        "  MSI-X: 5 vectors",
    ]
    PCI.zero()


def test_net_shows_ports_and_what_was_dropped(terminal: Terminal) -> None:
    assert terminal.enter("net") == [
        "no VM that was made has a network device: `[[vm.net]]` in the configuration gives it one"
    ]
    name = terminal.enter("list")[1].split()[1].rstrip(",")
    port = PORTS[4]
    port.is_open, port.owner, port.number, port.network, port.mac = True, 1, 1, 3, 0x02000000AB01
    port.plain_vlan, port.tag_count, port.tags[0] = 7, 1, 20
    port.listening.store(u32(1))
    port.sent, port.sent_bytes, port.received, port.received_bytes = 5, 600, 7, 800
    port.drops[Drop.FULL.value], port.drops[Drop.SPOOFED.value] = 9, 2
    assert terminal.enter("net") == [
        f"{name}, device 1: 02000000ab01 in network 3, takes frames: True",
        "  VLAN 7",
        "  VLAN 20, with a tag",
        "  sent 5 frames, 600 bytes",
        "  received 7 frames, 800 bytes",
        "  dropped 2: SPOOFED",
        "  dropped 9: FULL",
    ]
    port.zero()


def test_disks_shows_what_they_can_do_their_partitions_and_who_uses_them(terminal: Terminal) -> None:
    assert terminal.enter("disks") == [
        "no disk is in use: the machine's are looked for when a VM's configuration names one"
    ]
    add_disks()
    used = VMS[0].disks[0]
    lock_start(VMS[0].board_lock, LockPlace.BOARD)
    used.source, used.machine_disk, used.first_sector, used.sectors = DiskSource.PARTITION, 0, 2048, 4096
    VMS[0].disk_count = 1
    VMS[0].board.virtio.devices[0].disk.machine.errors = 3
    name = bytes(VMS[0].name_span()).decode()
    assert terminal.enter("disks") == [
        'nvme0 "A disk", serial "k1", 4 MiB',
        "  blocks of 4096 bytes; write cache True, discards False, read-only False",
        '  partition 2 "root", 2 MiB',
        f"  {name}: 2 MiB from sector 2048 on, 3 requests have failed",
        'sata0 "", serial "", 1 MiB',
        "  does not answer any more: look at its cable, then start the machine again",
        "  blocks of 512 bytes; write cache False, discards True, read-only True",
    ]
    VMS[0].disk_count = 0
    DISKS.zero()
    PARTITIONS.zero()


def add_disks() -> None:
    """One with a partition, and one that is gone."""
    for driver, sectors in ((DiskDriver.NVME, 8192), (DiskDriver.AHCI, 2048)):
        disk = disk_add(driver, u8(0), u32(0))
        assert disk is not None
        disk.sectors, disk.block = sectors, 512
    first, second = DISKS.disks[0], DISKS.disks[1]
    first.block, first.caches_writes = 4096, True
    second.gone, second.discards, second.read_only = True, True, True
    partition = PARTITIONS.partitions[0]
    partition.disk, partition.number, partition.first, partition.sectors = 0, 2, 2048, 4096
    for cell, content in ((first.model, b"A disk  "), (first.serial, b"k1"), (partition.name, b"root")):
        for place, byte in enumerate(content):
            cell[place] = byte
    PARTITIONS.partition_count = 1
