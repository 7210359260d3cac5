from __future__ import annotations

import pytest

from hypervisor.image import REPOSITORY
from tests.structure.board_lock import complaints

SOURCES = sorted((REPOSITORY / "hypervisor").rglob("*.py"))

GOOD = """
@fn
def f(vm: Vm) -> u32:
    with vm.board_lock:
        board = vm.board
        if board.attention:
            g(vm, vm.board)
        return board.pic.irr

@fn
def g(vm: Vm, board: Board) -> None:
    board.attention = False
"""

BAD = {
    "reaches vm.board without": "    return vm.board.lines",
    "reaches vcpu.vm.board without": "    with vm.board_lock:\n        return vcpu.vm.board.lines",
    "reaches vm.board without its": "    with vm.other_lock:\n        vm.board.lines = 0",
    "f reaches vm.board": "    if vm.board.attention:\n        pass",
    "uses board, of the board": "    with vm.board_lock:\n        board = vm.board\n    board.lines = 0",
    "uses uart, of the board": "    with vm.board_lock:\n        uart = vm.board.uart\n    g(uart)",
}


def test_a_board_is_reached_only_under_its_lock() -> None:
    found = {str(path.relative_to(REPOSITORY)): complaints(path.read_text()) for path in SOURCES}
    assert {path: each for path, each in found.items() if each} == {}
    assert sum("board_lock:" in path.read_text() for path in SOURCES) >= 6


def test_what_holds_the_lock_is_not_complained_of() -> None:
    assert complaints(GOOD) == []


@pytest.mark.parametrize("words", BAD)
def test_what_does_not_is_found(words: str) -> None:
    assert any(words in each for each in complaints(f"@fn\ndef f(vm: Vm) -> None:\n{BAD[words]}\n"))


def test_a_board_is_not_given_back_nor_kept() -> None:
    assert len(complaints("@fn\ndef f(vm: Vm) -> Board:\n    pass\n\nclass K(Struct):\n    b: Field[Board]\n")) == 2
