"""Who gets a message: the manual's rules (SDM vol. 3A, 11.6.2 and 11.12.10) in plain Python beside ours."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from codegen.lang import u8, u32, u64
from drivers.interrupt.lapic import DeliveryMode, InterruptCommand, Shorthand
from hypervisor.devices.lapic.base import lapic_base_write
from hypervisor.devices.lapic.mmio import lapic_mmio_write
from hypervisor.devices.lapic.msr import lapic_msr_write
from hypervisor.devices.lapic.receive import lapic_receive
from hypervisor.devices.lapic.reset import lapic_reset
from hypervisor.devices.lapic.state import LapicEffect
from hypervisor.vm.lapic_effects import send_command
from hypervisor.vm.messages import NOBODY, deliver_message
from tests.devices.execution import Run
from tests.devices.test_interrupts import VM, everywhere, power_on, vcpu, work

XAPIC, X2APIC, DISABLED = 0xFEE0_0800, 0xFEE0_0C00, 0xFEE0_0000
ALL = 0xFFFF_FFFF
VECTOR = 0x61


@dataclass(frozen=True)
class Chip:
    """One local APIC as the guest has set it up."""

    number: int
    mode: int
    software: bool = True
    logical: int = 0  # of xAPIC mode
    flat: bool = True

    def addressed(self, destination: int, logical: bool) -> bool:
        if self.mode == DISABLED:
            return False
        if destination == ALL:
            return True
        if not logical:
            return destination == self.number
        if self.mode == X2APIC:
            cluster, members = self.number // 16, 1 << self.number % 16
            return destination >> 16 == cluster and bool(destination & members)
        if self.flat:
            return bool(destination & self.logical)
        return destination >> 4 == self.logical >> 4 and bool(destination & self.logical & 15)


def set_up(run: Run, chips: list[Chip]) -> None:
    power_on(run, len(chips))
    for chip in chips:
        lapic = vcpu(chip.number).lapic
        run(lapic_reset, lapic, u32(chip.number), False)
        registers = {0xD0: chip.logical << 24, 0xE0: 0xFFFF_FFFF if chip.flat else 0x0FFF_FFFF}
        for offset, value in registers.items():
            assert run(lapic_mmio_write, lapic, u32(offset), u32(4), u32(value), u64(0)) == LapicEffect.REACHABLE
        if chip.mode != XAPIC:
            assert run(lapic_base_write, lapic, u64(chip.mode)) == LapicEffect.EVERYTHING
        if chip.mode == X2APIC:
            assert run(lapic_msr_write, lapic, u32(0xF), u64(0xFF | chip.software << 8), u64(0)) != LapicEffect.REFUSED
        else:
            run(lapic_mmio_write, lapic, u32(0xF0), u32(4), u32(0xFF | chip.software << 8), u64(0))
        vcpu(chip.number).work.store(0)


def received(run: Run, chips: list[Chip]) -> set[int]:
    """Who has the vector now, and nothing else."""
    found = set()
    for chip in chips:
        lapic = vcpu(chip.number).lapic
        assert bool(work(chip.number).interrupt) == (run(lapic_receive, lapic) != LapicEffect.NONE)
        words = [int(word) for word in lapic.registers.irr.words]
        if any(words):
            assert [i for i, word in enumerate(words) if word] == [VECTOR >> 5] and words[VECTOR >> 5] == 1 << (
                VECTOR & 31
            )
            found.add(chip.number)
        lapic.registers.irr.words[VECTOR >> 5] = 0
        lapic.irr_words = 0
        vcpu(chip.number).work.store(0)
    return found


def machines() -> dict[str, list[Chip]]:
    mixed = [Chip(i, (XAPIC, X2APIC, XAPIC, X2APIC)[i], logical=1 << i) for i in range(4)]
    return {
        "flat": [Chip(i, XAPIC, logical=1 << i, software=i != 5) for i in range(8)],
        "cluster": [Chip(i, XAPIC, logical=(i // 4) << 4 | 1 << i % 4, flat=False, software=i != 6) for i in range(10)],
        "x2apic": [Chip(i, X2APIC, software=i != 17) for i in range(20)],
        "mixed": [*mixed, Chip(4, DISABLED), Chip(5, XAPIC, software=False, logical=0x20)],
    }


def destinations(generator: random.Random) -> list[tuple[int, bool]]:
    physical = [(number, False) for number in (0, 1, 5, 6, 17, 40, 0xFE)]
    logical = [(generator.randrange(1, 256), True) for _ in range(12)]
    wide = [(cluster << 16 | generator.randrange(1, 1 << 16), True) for cluster in (0, 1, 2) for _ in range(4)]
    return [*physical, *logical, *wide, (0xFF, True), (ALL, False), (ALL, True)]


@everywhere
@pytest.mark.parametrize("name", machines())
def test_every_destination_reaches_whom_the_manual_names(run: Run, name: str) -> None:
    chips = machines()[name]
    set_up(run, chips)
    for destination, logical in destinations(random.Random(name)):
        meant = {chip.number for chip in chips if chip.addressed(destination, logical)}
        accepting = {number for number in meant if chips[number].software}
        for delivery, expected in (
            (DeliveryMode.FIXED, accepting),
            (DeliveryMode.LOWEST_PRIORITY, accepting),
            (DeliveryMode.NMI, meant),
        ):
            message = InterruptCommand(
                vector=u8(VECTOR), delivery=delivery, logical=logical, destination=u32(destination)
            )
            accepted = run(deliver_message, VM, message, False, u32(NOBODY))
            assert bool(accepted) == bool(expected)
            nmis = {chip.number for chip in chips if work(chip.number).nmi}
            assert nmis == (expected if delivery == DeliveryMode.NMI else set())
            got = received(run, chips)
            if delivery == DeliveryMode.FIXED:
                assert got == expected, (hex(destination), logical)
            elif delivery == DeliveryMode.LOWEST_PRIORITY:
                assert len(got) == min(len(expected), 1) and got <= expected


@everywhere
@pytest.mark.parametrize("name", ["flat", "x2apic", "mixed"])
def test_shorthands(run: Run, name: str) -> None:
    chips = machines()[name]
    set_up(run, chips)
    reachable = {chip.number for chip in chips if chip.mode != DISABLED and chip.software}
    for sender in (0, 1):
        for shorthand, expected in ((Shorthand.ALL, reachable), (Shorthand.OTHERS, reachable - {sender})):
            vcpu(sender).lapic.command = InterruptCommand(vector=u8(VECTOR), shorthand=shorthand)
            run(send_command, vcpu(sender))
            assert received(run, chips) == expected


@everywhere
def test_lowest_priority_messages_are_spread_by_vector_over_those_who_are_up_to_date(run: Run) -> None:
    chips = [Chip(i, X2APIC) for i in range(4)]
    set_up(run, chips)
    taken = [0] * 4
    for vector in range(0x40, 0x80):
        message = InterruptCommand(vector=u8(vector), delivery=DeliveryMode.LOWEST_PRIORITY, destination=u32(ALL))
        assert run(deliver_message, VM, message, False, u32(NOBODY))
        got = [i for i in range(4) if vcpu(i).lapic.posted.summary.load() != 0]
        run(lapic_receive, vcpu(got[0]).lapic)
        taken[got[0]] += 1
        assert len(got) == 1
    assert taken == [16] * 4
    for _ in range(4):
        assert run(deliver_message, VM, message, False, u32(NOBODY))
    assert all(vcpu(i).lapic.posted.summary.load() != 0 for i in range(4))
