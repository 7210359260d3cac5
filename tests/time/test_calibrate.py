import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import Hpa, host, storage, u16, u64
from drivers.acpi.machine import MACHINE
from drivers.timer.reference import Reference, ReferenceKind, use_hpet, use_pit, use_pm_timer
from hypervisor.time.calibrate import measure_tsc
from hypervisor.time.clock import CLOCK, clock_at, clock_start, ns_to_tsc, tsc_at, tsc_to_ns
from hypervisor.time.clock_start import measure_by_any
from hypervisor.time.ratio import Ratio, scale, set_ratio

REFERENCE = storage(Reference)
RATIO = storage(Ratio)
HZ = 50_000_000  # slow, so that CPython gets there


class Counter:
    """Ticks of a reference as the TSC goes on: reading costs TSC ticks as on a machine."""

    def __init__(self, frequency: int, start: int = 0, mask: int = 0xFFFF_FFFF, cost: int = 40) -> None:
        self.frequency, self.start, self.mask, self.cost = frequency, start, mask, cost
        self.latch: list[int] = []

    def value(self) -> int:
        host.cpu.tsc += self.cost
        return self.start + host.cpu.tsc * self.frequency // HZ & self.mask

    def read(self, offset: int, width: int, /) -> int:
        if width == 1:
            return self.latch.pop(0)
        if offset == 0 and width == 8:
            return 10**15 // self.frequency << 32 | 1 << 13
        return 0 if offset == 0x10 else self.value()

    def write(self, offset: int, width: int, value: int, /) -> None:
        if offset == 3 and value == 0x80:
            self.latch = list(((-self.value()) & 0xFFFF).to_bytes(2, "little"))


@pytest.fixture(autouse=True)
def quick(fresh_machine: None) -> None:
    host.cpu.tsc_step = 10


def assert_measured() -> None:
    hz = measure_tsc(REFERENCE)
    assert hz is not None
    assert abs(int(hz) - HZ) < HZ // 1000


@pytest.mark.parametrize(("start", "mask"), [(0, 0xFFFF_FFFF), (0xFF_FFF0, 0xFF_FFFF), (0xFFFF_FFF0, 0xFFFF_FFFF)])
def test_the_pm_timer_measures_also_when_it_wraps(start: int, mask: int) -> None:
    host.bus.map_ports(0x608, 4, Counter(3_579_545, start, mask))
    use_pm_timer(REFERENCE, u16(0x608), mask > 0xFF_FFFF)
    assert_measured()


def test_the_hpet_measures() -> None:
    host.bus.map_mmio(Hpa(0xFED0_0000), 0x400, Counter(10_000_000))
    assert use_hpet(REFERENCE, Hpa(0xFED0_0000))
    assert_measured()


def test_the_pit_measures_counting_down() -> None:
    host.bus.map_ports(0x40, 4, Counter(1_193_182, cost=20))
    use_pit(REFERENCE)
    assert_measured()


def test_a_reference_that_stands_still_is_no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypervisor.time.calibrate.EDGE_PATIENCE", 50)
    use_pm_timer(REFERENCE, u16(0x608), True)
    assert measure_tsc(REFERENCE) is None


def test_the_pit_serves_where_the_pm_timer_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypervisor.time.calibrate.EDGE_PATIENCE", 50)
    MACHINE.pm_timer_port, MACHINE.hpet = 0x608, Hpa(0)
    host.bus.map_ports(0x40, 4, Counter(1_193_182, cost=20))
    hz = measure_by_any(REFERENCE)
    assert hz is not None and REFERENCE.kind == ReferenceKind.PIT
    assert abs(int(hz) - HZ) < HZ // 1000


def test_an_hpet_of_absurd_period_is_refused() -> None:
    assert not use_hpet(REFERENCE, Hpa(0xFED0_0000))


def test_an_absurd_rate_is_refused() -> None:
    host.bus.map_ports(0x608, 4, Counter(3_579_545 * 200))
    use_pm_timer(REFERENCE, u16(0x608), True)
    assert measure_tsc(REFERENCE) is None


@given(st.integers(0, (1 << 64) - 1), st.integers(1, 20_000_000_000), st.integers(1, 20_000_000_000))
def test_scaling_is_multiplication_by_a_fraction(value: int, numerator: int, denominator: int) -> None:
    set_ratio(RATIO, u64(numerator), u64(denominator))
    exact = value * numerator // denominator
    got = int(scale(u64(value), RATIO))
    if exact < 1 << 64:
        assert exact - got <= 1 + (exact >> 29)
        assert got <= exact


@given(st.integers(1_000_000, 20_000_000_000), st.integers(0, 10**18))
def test_a_deadline_is_never_early_and_hardly_late(hz: int, ns: int) -> None:
    clock_start(u64(hz), u64(12345))
    if ns * hz // 10**9 >= 1 << 63:
        return
    assert abs(int(clock_at(tsc_at(u64(ns)))) - ns) <= 2 + 10**9 // hz + (ns >> 28)


def test_a_year_of_ticks_is_right_to_a_second() -> None:
    clock_start(u64(2_445_426_000), u64(0))
    year = 365 * 86400 * 10**9
    assert abs(int(tsc_to_ns(ns_to_tsc(u64(year)))) - year) < 10**9
    assert CLOCK.tsc_hz == u64(2_445_426_000)
