from boot.info import BootInfo
from boot.uefi.memory_map import BUFFER_SIZE, EXIT_TRIES, exit_boot_services, get_memory_map, read_memory_map
from codegen.lang import Local, u64
from tests.boot.uefi_model import DESCRIPTOR, Firmware, firmware

HANDLE = 5
CONVENTIONAL, RUNTIME_DATA = 7, 6


def restless(model: Firmware, times: int) -> None:
    """At each of so many exits an event handler allocates, so that the key goes stale."""
    left = [times]

    def allocate() -> None:
        if left[0] > 0:
            left[0] -= 1
            start = 0x8000_0000 + left[0] * 0x2000
            model.change_map((RUNTIME_DATA, start, 1), (CONVENTIONAL, start + 0x1000, 1))

    model.on_exit = allocate


def test_a_key_that_is_fresh_ends_the_services_at_once() -> None:
    with firmware() as model:
        assert exit_boot_services(u64(HANDLE))
        assert model.calls == ["get_memory_map", "exit_boot_services"]


def test_a_stale_key_is_fetched_again_and_nothing_else_is_called_in_between() -> None:
    with firmware() as model:
        restless(model, EXIT_TRIES - 1)
        assert exit_boot_services(u64(HANDLE))
        assert model.exited
        assert model.calls == ["get_memory_map", "exit_boot_services"] * EXIT_TRIES


def test_the_map_that_counts_is_the_one_whose_key_was_taken() -> None:
    with firmware() as model:
        assert get_memory_map()
        restless(model, 3)
        assert exit_boot_services(u64(HANDLE))
        info = Local(BootInfo)
        assert read_memory_map(info, True)
        found = {(int(r.base), int(r.length)) for r in (info.regions[i] for i in range(int(info.region_count)))}
        assert {(start, pages << 12) for _, start, pages in model.map} == found


def test_firmware_that_changes_its_map_for_ever_is_given_up() -> None:
    with firmware() as model:
        restless(model, 1000)
        assert not exit_boot_services(u64(HANDLE))
        assert model.calls.count("exit_boot_services") == EXIT_TRIES


def test_a_map_that_outgrows_the_buffer_is_given_up_without_an_exit() -> None:
    with firmware() as model:
        model.map = [(CONVENTIONAL, number << 20, 1) for number in range(BUFFER_SIZE // DESCRIPTOR.size + 1)]
        assert not get_memory_map()
        assert not exit_boot_services(u64(HANDLE))
        assert "exit_boot_services" not in model.calls


def test_a_map_that_outgrows_the_buffer_between_two_tries_is_given_up() -> None:
    with firmware() as model:
        fits = BUFFER_SIZE // DESCRIPTOR.size
        model.map = [(CONVENTIONAL, number << 20, 1) for number in range(fits - 1)]
        restless(model, 1)
        assert not exit_boot_services(u64(HANDLE))
        assert model.calls.count("exit_boot_services") == 1
