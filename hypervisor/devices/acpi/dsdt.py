"""The DSDT: a PCI host bridge, the serial port, the clock, and how to power off."""

from __future__ import annotations

from drivers.console.ns16550 import COM1, COM1_IRQ
from hypervisor.devices.acpi import aml
from hypervisor.devices.acpi.layout import PCI_MEMORY_FIRST, PCI_MEMORY_LAST, PM1_EVENT, PM_BLOCK_SIZE, SLEEP_TYPE_S5
from hypervisor.devices.wiring import PCI_WIRES

RTC_PORT = 0x70
RTC_IRQ = 8


def host_bridge() -> bytes:
    """PCI bus 0 with what a guest may hand out behind it: I/O ports around CF8H, and memory below the I/O APIC."""
    return aml.device(
        "PCI0",
        aml.name("_HID", aml.eisa_id("PNP0A03")),
        aml.name("_UID", aml.ZERO),
        aml.name(
            "_CRS",
            aml.resources(
                aml.word_bus_numbers(0, 0),
                aml.io_ports(0xCF8, 8),
                aml.word_io(0x0000, 0x0CF7),
                aml.word_io(0x0D00, 0xFFFF),
                aml.dword_memory(0xA_0000, 0xB_FFFF),
                aml.dword_memory(PCI_MEMORY_FIRST, PCI_MEMORY_LAST),
            ),
        ),
        aml.name("_PRT", routing()),
        isa_devices(),
    )


def routing() -> bytes:
    """_PRT (6.2.13): INTA# of each slot, wired to an interrupt that is the same for PIC and I/O APIC."""
    entries = (
        aml.package(aml.integer(slot << 16 | 0xFFFF), aml.ZERO, aml.ZERO, aml.integer(line))
        for slot, line in PCI_WIRES.items()
        if slot != 0
    )
    return aml.package(*entries)


def isa_devices() -> bytes:
    """What stands at fixed ports."""
    return (
        aml.device(
            "COM1",
            aml.name("_HID", aml.eisa_id("PNP0501")),
            aml.name("_UID", aml.ONE),
            aml.name("_CRS", aml.resources(aml.io_ports(COM1, 8), aml.irq(COM1_IRQ))),
        )
        + aml.device(
            "RTC_",
            aml.name("_HID", aml.eisa_id("PNP0B00")),
            aml.name("_CRS", aml.resources(aml.io_ports(RTC_PORT, 2), aml.irq(RTC_IRQ))),
        )
        + aml.device(
            "PMIO",
            aml.name("_HID", aml.eisa_id("PNP0C02")),
            aml.name("_UID", aml.ZERO),
            aml.name("_CRS", aml.resources(aml.io_ports(PM1_EVENT, PM_BLOCK_SIZE))),
        )
    )


def dsdt_code() -> bytes:
    """The AML behind the header."""
    sleep = aml.package(aml.integer(SLEEP_TYPE_S5), aml.integer(SLEEP_TYPE_S5), aml.ZERO, aml.ZERO)
    return aml.name("\\_S5_", sleep) + aml.scope("\\_SB_", host_bridge())
