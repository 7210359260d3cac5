from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u16, u32, u64
from hypervisor.devices.board import Board, board_reset, board_set_line
from hypervisor.devices.pic import pic_acknowledge
from hypervisor.devices.ports import port_read, port_write
from tests.devices.execution import Run, everywhere
from tests.devices.pic_model import PicModel

BOARD = storage(Board)
COMMAND, DATA, ELCR = (0x20, 0xA0), (0x21, 0xA1), (0x4D0, 0x4D1)


def out(run: Run, port: int, value: int) -> None:
    run(port_write, BOARD, u16(port), u32(1), u32(value), u64(0))


def inp(run: Run, port: int) -> int:
    return int(run(port_read, BOARD, u16(port), u32(1), u64(0)))


def initialise(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    for index, words in enumerate(((0x11, 0x30, 4, 1), (0x11, 0x38, 2, 1))):
        out(run, COMMAND[index], words[0])
        for word in words[1:]:
            out(run, DATA[index], word)


def line(run: Run, irq: int, up: bool) -> None:
    run(board_set_line, BOARD, u32(irq), up)


def acknowledge(run: Run) -> int:
    return int(run(pic_acknowledge, BOARD.pic))


@everywhere
def test_an_edge_interrupts_once_and_its_vector_follows_icw2(run: Run) -> None:
    initialise(run)
    line(run, 4, True)
    assert BOARD.pic.interrupt.load()
    assert acknowledge(run) == 0x34
    assert not BOARD.pic.interrupt.load()
    out(run, 0x20, 0x20)
    assert not BOARD.pic.interrupt.load()


@everywhere
def test_a_request_that_goes_before_inta_is_spurious_7_or_15(run: Run) -> None:
    initialise(run)
    out(run, 0x4D0, 0x20)
    line(run, 5, True)
    line(run, 5, False)
    assert acknowledge(run) == 0x37
    out(run, 0x20, 0x0B)
    assert inp(run, 0x20) == 0
    line(run, 9, True)
    out(run, 0xA1, 0xFF)
    line(run, 9, False)
    assert not BOARD.pic.interrupt.load()


@everywhere
def test_a_level_interrupts_again_after_eoi(run: Run) -> None:
    initialise(run)
    out(run, 0x4D1, 0x08)
    line(run, 11, True)
    assert acknowledge(run) == 0x3B
    out(run, 0xA0, 0x20)
    out(run, 0x20, 0x20)
    assert BOARD.pic.interrupt.load()
    assert acknowledge(run) == 0x3B
    line(run, 11, False)
    out(run, 0xA0, 0x20)
    out(run, 0x20, 0x20)
    assert not BOARD.pic.interrupt.load()


@everywhere
def test_two_requests_of_the_slave_are_both_delivered(run: Run) -> None:
    initialise(run)
    line(run, 12, True)
    line(run, 8, True)
    for expected in (0x38, 0x3C):
        assert acknowledge(run) == expected
        out(run, 0xA0, 0x20)
        out(run, 0x20, 0x20)
    assert not BOARD.pic.interrupt.load()


@everywhere
def test_elcr_keeps_the_timer_keyboard_cascade_rtc_and_fpu_inputs_edge_triggered(run: Run) -> None:
    initialise(run)
    out(run, 0x4D0, 0xFF)
    out(run, 0x4D1, 0xFF)
    assert (inp(run, 0x4D0), inp(run, 0x4D1)) == (0xF8, 0xDE)


@everywhere
def test_lines_that_do_not_exist_are_ignored(run: Run) -> None:
    initialise(run)
    for irq in (2, 16, 24, 31, 32, 0xFFFF_FFFF):
        line(run, irq, True)
    assert not BOARD.pic.interrupt.load()


@everywhere
def test_a_poll_command_makes_the_next_read_the_acknowledgement(run: Run) -> None:
    initialise(run)
    out(run, 0x20, 0x0C)
    assert inp(run, 0x20) == 0
    line(run, 4, True)
    out(run, 0x20, 0x0C)
    assert inp(run, 0x21) == 0x84
    assert not BOARD.pic.interrupt.load()
    out(run, 0x20, 0x0B)
    assert inp(run, 0x20) == 1 << 4


@everywhere
def test_automatic_eoi_with_rotation_makes_the_served_input_the_last(run: Run) -> None:
    initialise(run)
    out(run, 0x20, 0x11)
    for word in (0x30, 4, 3):
        out(run, 0x21, word)
    out(run, 0x20, 0x80)
    for irq in (3, 5):
        line(run, irq, True)
    assert [acknowledge(run), acknowledge(run)] == [0x33, 0x35]
    for irq in (3, 5):
        line(run, irq, False)
        line(run, irq, True)
    line(run, 6, True)
    assert [acknowledge(run), acknowledge(run), acknowledge(run)] == [0x36, 0x33, 0x35]


@everywhere
def test_special_mask_mode_lets_the_rest_through_an_input_in_service(run: Run) -> None:
    initialise(run)
    line(run, 3, True)
    assert acknowledge(run) == 0x33
    line(run, 5, True)
    assert not BOARD.pic.interrupt.load()
    out(run, 0x21, 1 << 3)
    assert not BOARD.pic.interrupt.load()
    out(run, 0x20, 0x68)
    assert BOARD.pic.interrupt.load() and acknowledge(run) == 0x35
    out(run, 0x20, 0x20)
    out(run, 0x20, 0x0B)
    assert inp(run, 0x20) == 1 << 3  # a non-specific EOI does not reach what is masked


# The EOIs, rotation on and off, rotation to input 3, special mask on and off, poll, read ISR and IRR.
TELLING_COMMANDS = (0x20, 0x60, 0xA0, 0x80, 0x00, 0xE3, 0x68, 0x48, 0x0C, 0x0B, 0x0A)
ACTION = st.one_of(
    st.tuples(st.just("line"), st.integers(0, 15), st.booleans()),
    st.tuples(st.just("data"), st.integers(0, 1), st.integers(0, 255)),
    st.tuples(st.just("command"), st.integers(0, 1), st.one_of(st.integers(0, 255), st.sampled_from(TELLING_COMMANDS))),
    st.tuples(st.just("elcr"), st.integers(0, 1), st.integers(0, 255)),
    st.tuples(st.just("read"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("inta"), st.just(0), st.just(0)),
)


@everywhere
@settings(max_examples=120, deadline=None)
@given(st.lists(ACTION, max_size=60))
def test_the_pair_agrees_with_the_datasheet_model(run: Run, actions: list[tuple[str, int, int]]) -> None:
    initialise(run)
    model = PicModel()
    for index in (0, 1):
        model.write_command(index, 0x11)
        for word in (0x30 + 8 * index, 4, 1):
            model.write_data(index, word)
    for kind, first, second in actions:
        match kind:
            case "line":
                line(run, first, bool(second))
                model.line(first, bool(second))
            case "data":
                out(run, DATA[first], second)
                model.write_data(first, second)
            case "command":
                out(run, COMMAND[first], second)
                model.write_command(first, second)
            case "elcr":
                out(run, ELCR[first], second)
                model.write_elcr(first, second)
            case "read":
                port = DATA[first] if second else COMMAND[first]
                assert inp(run, port) == model.read(first, bool(second))
            case _:
                assert acknowledge(run) == model.acknowledge()
        assert bool(BOARD.pic.interrupt.load()) == model.interrupt, (kind, first, second)
