"""What a device's capabilities say is checked: no register is looked for outside of a BAR of memory."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.lang import storage
from drivers.virtio.windows import VirtioWindows, windows_of
from tests.pci.machine import Region
from tests.virtio.device import BAR, BAR_BYTES, COMMON_AT, DEVICE_AT, NOTIFY_AT, Chain, VirtioDevice
from tests.virtio.execution import Run, everywhere
from tests.virtio.machine import Machine

WINDOWS = storage(VirtioWindows)


class Bare(VirtioDevice):
    """Without capabilities but those that a test adds."""

    def __init__(self, fill: Callable[[VirtioDevice], None]) -> None:
        self.fill = fill
        super().__init__(0x1042, 0, b"", 1, vectors=0)
        self.function.put_region(0x10, Region(1, 0x100, 0xC000))
        self.function.put_region(0x14, Region(0, 0x1000, 0xE100_0000))

    def windows(self) -> None:
        self.fill(self)

    def work(self, chain: Chain) -> int:
        raise AssertionError("it is never started")


def found(run: Run, fill: Callable[[VirtioDevice], None]) -> bool:
    """Whether what it says suffices; then all of it lies in its BAR."""
    machine = Machine()
    (function,) = machine.plug(Bare(fill))
    enough = bool(run(windows_of, WINDOWS, function))
    bars = [(BAR, BAR_BYTES), (0xE100_0000, 0x1000)]
    for start, length in (
        (int(WINDOWS.common), 56),
        (int(WINDOWS.notify), int(WINDOWS.notify_bytes)),
        (int(WINDOWS.device), int(WINDOWS.device_bytes)),
    ):
        assert start == 0 or any(base <= start and start + length <= base + size for base, size in bars)
    assert int(WINDOWS.common) % 4 == int(WINDOWS.notify) % 2 == int(WINDOWS.device) % 4 == 0
    assert int(WINDOWS.notify_stride) % 2 == 0
    return enough


def common(device: VirtioDevice, bar: int = 4, offset: int = COMMON_AT, length: int = 0x38, cap: int = 0) -> None:
    device.add_window(1, bar, offset, length, cap=cap)


def notify(
    device: VirtioDevice, bar: int = 4, offset: int = NOTIFY_AT, length: int = 4, stride: int = 4, cap: int = 0
) -> None:
    device.add_window(2, bar, offset, length, stride.to_bytes(4, "little"), cap=cap)


def both(device: VirtioDevice) -> None:
    common(device)
    notify(device)


def with_common(device: VirtioDevice, bad: dict[str, int], more: Callable[[VirtioDevice], None]) -> None:
    common(device, **bad)
    more(device)


@everywhere
def test_an_honest_device_is_found_and_the_first_of_each_kind_counts(run: Run) -> None:
    def fill(device: VirtioDevice) -> None:
        common(device, bar=0)  # of ports: the next one
        both(device)
        common(device, offset=0x100)
        notify(device, offset=0x2000)
        device.add_window(4, 4, DEVICE_AT, 0x2000)

    assert found(run, fill)
    assert int(WINDOWS.common) == BAR + COMMON_AT and int(WINDOWS.notify) == BAR + NOTIFY_AT
    assert (int(WINDOWS.device), int(WINDOWS.device_bytes)) == (BAR + DEVICE_AT, 4096)
    assert (int(WINDOWS.notify_bytes), int(WINDOWS.notify_stride)) == (4, 4)


BAD_COMMON = [
    {"bar": 0},
    {"bar": 2},
    {"bar": 5},
    {"bar": 6},
    {"bar": 255},
    {"length": 0x37},
    {"length": 0},
    {"length": BAR_BYTES + 1},
    {"length": 0xFFFF_FFFF},
    {"offset": 2},
    {"offset": BAR_BYTES - 0x34},
    {"offset": 0xFFFF_FFFC},
    {"offset": 0xFFFF_FFC8, "length": 0x38},
    {"cap": 15},
]
BAD_NOTIFY = [
    {"bar": 0},
    {"bar": 7},
    {"length": 0},
    {"offset": 1},
    {"offset": BAR_BYTES - 2},
    {"stride": 1},
    {"stride": 0xFFFF_FFFF},
    {"cap": 16},
    {"cap": 19},
]


@everywhere
@pytest.mark.parametrize("bad", BAD_COMMON, ids=str)
def test_a_common_window_that_is_nowhere_is_none(run: Run, bad: dict[str, int]) -> None:
    assert found(run, both)
    assert not found(run, lambda device: with_common(device, bad, notify))
    assert found(run, lambda device: with_common(device, bad, both))


@everywhere
@pytest.mark.parametrize("bad", BAD_NOTIFY, ids=str)
def test_a_notify_window_that_is_nowhere_is_none(run: Run, bad: dict[str, int]) -> None:
    def fill(device: VirtioDevice) -> None:
        common(device)
        notify(device, **bad)

    assert not found(run, fill)


@everywhere
def test_a_list_of_capabilities_that_runs_in_circles_ends(run: Run) -> None:
    def fill(device: VirtioDevice) -> None:
        common(device)
        device.function.bytes[device.function.last_pointer] = 0x40

    assert not found(run, fill)


@everywhere
def test_a_capability_at_the_end_of_configuration_space_is_left_out(run: Run) -> None:
    for place in (0xF4, 0xF0, 0xFC):

        def fill(device: VirtioDevice, place: int = place) -> None:
            common(device)
            device.function.free = place
            notify(device)

        assert not found(run, fill)


WINDOW = st.tuples(
    st.integers(0, 9),
    st.integers(0, 7),
    st.one_of(st.integers(0, BAR_BYTES), st.integers(0, 2**32 - 1)),
    st.one_of(st.integers(0, BAR_BYTES), st.integers(0, 2**32 - 1)),
    st.one_of(st.sampled_from([0, 2, 4]), st.integers(0, 2**32 - 1)),
)


@everywhere
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(windows=st.lists(WINDOW, max_size=6))
def test_any_capabilities_lead_to_a_bar_or_nowhere(run: Run, windows: list[tuple[int, int, int, int, int]]) -> None:
    def fill(device: VirtioDevice) -> None:
        for kind, bar, offset, length, stride in windows:
            device.add_window(kind, bar, offset, length, stride.to_bytes(4, "little"))

    found(run, fill)
