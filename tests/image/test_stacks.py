from boot.bios.real_mode import BiosRegisters
from boot.bios.stage2 import STACK_ROOM
from codegen.inspect.machine_code import MachineCode
from codegen.inspect.stack import Stacks
from tests.image.entry_points import entry_points

NAMES = ["boot", "exit", "run", "other-run", "double-fault", "nmi", "machine-check"]
SAVED_BY_THUNK = 4 * 4  # bios_call pushes what the convention preserves; the BIOS itself has a stack of its own


def test_every_entry_point_fits_its_stack(code: MachineCode) -> None:
    found = {point.name: point for point in entry_points(code)}
    assert list(found) == NAMES
    for point in found.values():
        assert 0 < point.depth <= point.size, point


def test_the_deepest_ways_are_whole(code: MachineCode) -> None:
    ways = {point.name: point.way for point in entry_points(code)}
    assert ways["run"][0] == "start_on_own_stack" and len(ways["run"]) > 5
    assert ways["exit"][0].startswith("hypervisor.exits.")
    assert ways["nmi"][:2] == ("trap_entries", "handle_trap")


def test_the_bios_loader_fits_its_stack(loader: Stacks) -> None:
    # A failed check says where, and halts; interrupts are taken in real mode only.
    depth = 4 + loader.depth_of("loader_main").bytes + 4 + loader.depth_of("trap").bytes
    assert depth + SAVED_BY_THUNK + BiosRegisters.__layout__.size < STACK_ROOM
