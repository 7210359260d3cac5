from __future__ import annotations

from collections.abc import Callable

import pytest

from codegen.lang import Gpa, u8, u32, u64
from drivers.interrupt.lapic import DeliveryMode, InterruptCommand
from hypervisor.devices.board import board_set_line
from hypervisor.devices.lapic.command import BROADCAST
from hypervisor.devices.lapic.posted import post_vector
from hypervisor.devices.mmio import mmio_write
from hypervisor.devices.pic import pic_write_data
from hypervisor.vcpu.contract import vcpu_rip
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, Vcpu, VcpuState
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.messages import NOBODY, deliver_message
from tests.played_guest.machine import VM
from tests.posted.interleavings import Explorer, Touched
from tests.posted.receiver import VCPU, Receiver, notify

Program = Callable[[], None]
OWNER = 0
PRIVATE = [(VCPU._address, Vcpu.__layout__.size)]
REDIRECTION_9, LEVEL = 0x10 + 2 * 9, 1 << 15


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setattr("hypervisor.vm.messages.notify", notify)
    monkeypatch.setattr("hypervisor.vm.board_interrupts.notify", notify)
    return Receiver()


def explore(receiver: Receiver, owner: Program, senders: list[Program], check: Program, prepare: Program) -> int:
    """Number 0 is the owner; senders touch its vCPU by atomics alone. The number of orders."""
    explorer = Explorer(lambda number: [] if number == OWNER else PRIVATE)

    def begin() -> None:
        receiver.reset()
        prepare()

    def end() -> None:
        receiver.settle()
        check()

    explorer.explore(begin, [owner, *senders], end)
    return explorer.orders


def nothing() -> None:
    pass


def send(delivery: DeliveryMode, vector: int, level: bool = False) -> Program:
    message = InterruptCommand(vector=u8(vector), delivery=delivery, destination=u32(BROADCAST))

    def program() -> None:
        assert deliver_message(VM, message, level, except_for=u32(NOBODY))

    return program


def fixed(vector: int, level: bool = False) -> Program:
    return send(DeliveryMode.FIXED, vector, level)


def in_turn(*programs: Program) -> Program:
    def program() -> None:
        for each in programs:
            each()

    return program


NMI = send(DeliveryMode.NMI, 0)
INIT = send(DeliveryMode.INIT, 0)


def startup(page: int) -> Program:
    return send(DeliveryMode.STARTUP, page)


def test_vectors_of_two_senders_arrive_once_each_with_their_trigger_modes(receiver: Receiver) -> None:
    def check() -> None:
        assert sorted(map(str, receiver.events)) == ["65", "66"]
        assert receiver.levels == [66]

    owner = in_turn(receiver.enter, receiver.enter)
    assert explore(receiver, owner, [fixed(65), fixed(66, level=True)], check, nothing) > 50


def test_a_vector_that_is_sent_again_is_one_interrupt_or_two(receiver: Receiver) -> None:
    seen = set()

    def check() -> None:
        assert set(receiver.events) == {65} and 1 <= len(receiver.events) <= 2
        seen.add(len(receiver.events))

    explore(receiver, receiver.enter, [in_turn(fixed(65), fixed(65))], check, nothing)
    assert seen == {1, 2}


def test_a_level_among_edges_of_the_same_vector_gets_its_eoi(receiver: Receiver) -> None:
    def check() -> None:
        assert set(receiver.events) == {65} and len(receiver.events) <= 2
        assert receiver.levels == [65]

    explore(receiver, receiver.enter, [fixed(65), fixed(65, level=True)], check, nothing)


def test_an_nmi_is_neither_lost_nor_doubled(receiver: Receiver) -> None:
    def check() -> None:
        assert sorted(map(str, receiver.events)) == ["65", "nmi"]

    explore(receiver, in_turn(receiver.enter, receiver.enter), [NMI, fixed(65)], check, nothing)


@pytest.mark.parametrize("stale", [0, INTERRUPT_WORK])
@pytest.mark.parametrize("sent", [[fixed(65)], [NMI], [INIT], [fixed(20), fixed(65)]], ids=len)
def test_who_halts_wakes(receiver: Receiver, sent: list[Program], stale: u32) -> None:
    def prepare() -> None:
        VCPU.work.store(stale)
        receiver.write(0x80, 0x20)  # vector 20 is below the task priority, and wakes nobody

    def check() -> None:
        assert VCPU.state == VcpuState.RUNNABLE
        assert sent == [INIT] or receiver.events[-1] in (65, "nmi")

    explore(receiver, receiver.halt, [in_turn(*sent)], check, prepare)


def application_processor() -> None:
    VCPU.lapic.base = VCPU.lapic.base.replace(bootstrap=False)


@pytest.mark.parametrize("owner", ["runs", "halts"])
def test_init_and_startup_start_a_processor_at_their_page(receiver: Receiver, owner: str) -> None:
    def check() -> None:
        assert VCPU.state == VcpuState.RUNNABLE
        assert vcpu_rip(VCPU) == 0 and int(VCPU.lapic.posted.startup.load()) == 0
        assert int(save_of(VCPU).cs.base) == 0x9_A000

    programs = {"runs": receiver.turn, "halts": receiver.halt}
    explore(receiver, programs[owner], [in_turn(INIT, startup(0x9A), startup(0x55))], check, application_processor)


def test_an_init_behind_a_startup_has_the_last_word(receiver: Receiver) -> None:
    def check() -> None:
        assert VCPU.state == VcpuState.WAIT_FOR_STARTUP

    explore(receiver, receiver.turn, [in_turn(INIT, startup(0x9A), INIT)], check, application_processor)


def test_init_and_startup_of_two_senders_come_in_one_order_or_the_other(receiver: Receiver) -> None:
    seen = set()

    def check() -> None:
        seen.add(VCPU.state)

    explore(receiver, receiver.turn, [INIT, startup(0x9A)], check, application_processor)
    assert seen == {VcpuState.RUNNABLE, VcpuState.WAIT_FOR_STARTUP}


def drive(irq: int) -> Program:
    def program() -> None:
        with VM.board_lock:
            board_set_line(VM.board, u32(irq), True)
            send_interrupts(VM, VM.board)

    return program


def test_intr_reaches_a_lint0_pin_that_is_opened_at_the_same_moment(receiver: Receiver) -> None:
    def prepare() -> None:
        pic_write_data(VM.board.pic, VM.board.pic.master, u8(0))
        VM.board.pic.master.vector_base = 0x20

    def check() -> None:
        assert receiver.events == [0x24]

    owner = in_turn(lambda: receiver.write(0x350, 0x700), receiver.enter)
    explore(receiver, owner, [drive(4)], check, prepare)


def test_a_level_that_nobody_accepted_is_sent_when_the_local_apic_is_enabled(receiver: Receiver) -> None:
    def prepare() -> None:
        receiver.write(0xF0, 0xFF)
        for offset, word in ((0, REDIRECTION_9), (0x10, LEVEL | 0x39)):
            mmio_write(VM.board, Gpa(0xFEC0_0000 + offset), u32(4), u64(word))

    def check() -> None:
        assert receiver.events[:1] == [0x39]

    owner = in_turn(lambda: receiver.write(0xF0, 0x1FF), receiver.enter)
    explore(receiver, owner, [drive(9)], check, prepare)


def test_the_explorer_finds_a_message_whose_summary_comes_first(receiver: Receiver) -> None:
    def wrong_order() -> None:
        VCPU.lapic.posted.summary.fetch_or(u32(1 << 2))
        VCPU.lapic.posted.edges[2].bits.fetch_or(u32(1 << 1))
        notify(VCPU, INTERRUPT_WORK)

    def check() -> None:
        assert receiver.events == [65]

    with pytest.raises(AssertionError):
        explore(receiver, receiver.enter, [in_turn(fixed(66), wrong_order)], check, nothing)


def test_the_explorer_finds_a_notification_that_comes_first(receiver: Receiver) -> None:
    def wrong_order() -> None:
        notify(VCPU, INTERRUPT_WORK)
        post_vector(VCPU.lapic.posted, u32(65), level=False)

    def check() -> None:
        assert receiver.events == [65]

    with pytest.raises(AssertionError):
        explore(receiver, receiver.enter, [wrong_order], check, nothing)


def test_the_explorer_finds_a_sender_that_touches_the_receivers_own_state(receiver: Receiver) -> None:
    def impatient() -> None:
        VCPU.lapic.irr_words = 4

    with pytest.raises(Touched, match="thread 1"):
        explore(receiver, receiver.enter, [impatient], nothing, nothing)
