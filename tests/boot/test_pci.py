"""The monitor's table of PCI functions against what the emulators know of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boot.image.iso import build_iso
from boot.machines.machine import MIB, Firmware, Host, Machine
from hypervisor.client.connection import connect
from hypervisor.image import build_images
from tests.boot.qemu_control import control, control_arguments
from tests.guests_boot.archive import archive_of_own_kernels
from tests.guests_boot.dialog import dialog

Bars = dict[int, tuple[str, int | None, int, bool]]  # kind, address unless unassigned, size, prefetchable
Functions = dict[str, tuple[int, int, int, Bars]]  # vendor, device, class

NET = "virtio-net-pci,romfile="
BEHIND_EXPRESS = f"""
    pcie-root-port,id=root0,chassis=1,addr=4
    e1000e,bus=root0,romfile=
    pcie-root-port,id=root1,chassis=2,addr=5.0,multifunction=on
    pcie-root-port,id=root2,chassis=3,addr=5.1
    x3130-upstream,id=switch,bus=root1
    xio3130-downstream,id=down0,bus=switch,chassis=4
    xio3130-downstream,id=down1,bus=switch,chassis=5
    nvme,serial=k,bus=down1
    pcie-pci-bridge,id=conventional,addr=6
    pci-bridge,id=inner,bus=conventional,chassis_nr=6,addr=3
    {NET},bus=inner,addr=7
    virtio-rng-pci,addr=7
    ivshmem-plain,memdev=shared,addr=8
"""
BEHIND_PORTS = f"""
    pci-bridge,id=outer,chassis_nr=1,addr=4
    pci-bridge,id=inner,bus=outer,chassis_nr=2,addr=3
    e1000,bus=inner,addr=2,romfile=
    {NET},bus=outer,addr=9
    nvme,serial=k,addr=5
"""
SHARED = ("-object", "memory-backend-ram,id=shared,size=256M,share=on")
BOCHS = (
    "pci: enabled=1, chipset=i440fx, slot1=e1000",
    "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=null",
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of_own_kernels(tmp_path_factory.mktemp("pci"), "16M", one="spin")


@pytest.fixture(scope="module")
def iso(archive: Path) -> Path:
    return build_iso(build_images(), archive, archive.parent / "pci.iso")


def devices(text: str) -> list[str]:
    return [word for device in text.split() for word in ("-device", device)]


def listed(machine: Machine, qemu: Path | None = None) -> tuple[str, list[dict[str, Any]], Functions]:
    """What the monitor says of PCI at its start, what it lists, and what QEMU knows."""
    assert machine.ctl is not None
    with dialog(machine) as console:
        said = console.wait("one: started, ", 200)
        with connect(machine.ctl) as connection:
            functions = connection.ask("pci")["functions"]
        known = dict(known_to_qemu(control(qemu, "query-pci"))) if qemu is not None else {}
    return said, functions, known


def known_to_qemu(buses: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[int, int, int, Bars]]]:
    for bus in buses:
        for each in bus["devices"]:
            place = f"0000:{each['bus']:02x}:{each['slot']:02x}.{each['function']}"
            bars = {
                region["bar"]: (
                    {"memory": "MEMORY", "io": "IO"}[region["type"]],
                    None if region["address"] == -1 else region["address"],
                    region["size"],
                    region.get("prefetch", False),
                )
                for region in each["regions"]
                if region["bar"] < 6  # the ROM is no BAR
            }
            yield place, (each["id"]["vendor"], each["id"]["device"], each["class_info"]["class"], bars)
            yield from known_to_qemu([each["pci_bridge"]] if "devices" in each.get("pci_bridge", {}) else [])


def as_qemu_says(functions: list[dict[str, Any]]) -> Functions:
    return {
        each["place"]: (
            each["vendor"],
            each["device"],
            each["class"],
            {
                bar["bar"]: (
                    bar["kind"],
                    bar["address"] if bar["usable"] else None,
                    bar["size"],
                    bool(bar["prefetchable"]),
                )
                for bar in each["bars"]
            },
        )
        for each in functions
    }


def count_of(said: str) -> tuple[int, int]:
    (found,) = re.findall(r"PCI: (\d+) functions on (\d+) buses", said)
    return int(found[0]), int(found[1])


@pytest.mark.parametrize("firmware", Firmware)
def test_functions_behind_ports_switches_and_bridges_are_as_qemu_says_by_ecam(
    iso: Path, tmp_path: Path, firmware: Firmware
) -> None:
    arguments = (*control_arguments(tmp_path / "qmp"), *SHARED, *devices(BEHIND_EXPRESS))
    machine = Machine(Host.QEMU, firmware, iso=iso, memory=256 * MIB, ctl=tmp_path / "ctl", arguments=arguments)
    said, functions, known = listed(machine, tmp_path / "qmp")
    assert as_qemu_says(functions) == known
    assert count_of(said) == (len(known), len({place[:7] for place in known}))
    assert re.search(r"by ECAM at 0x[be]0000000; \d+ silenced", said)
    by_name = {each["name"]: each for each in functions}
    assert by_name["NVMe disk"]["msix"] == 65 and by_name["Ethernet card"]["msix"] > 0
    assert all(each["usable"] for name in ("NVMe disk", "Ethernet card") for each in by_name[name]["bars"])


def test_functions_behind_bridges_are_as_qemu_says_by_ports(iso: Path, tmp_path: Path) -> None:
    arguments = ("-machine", "pc", *control_arguments(tmp_path / "qmp"), *devices(BEHIND_PORTS))
    machine = Machine(Host.QEMU, iso=iso, memory=256 * MIB, ctl=tmp_path / "ctl", arguments=arguments)
    said, functions, known = listed(machine, tmp_path / "qmp")
    assert as_qemu_says(functions) == known
    assert count_of(said) == (len(known), 3)
    assert "by ports at 0xcf8; " in said


def test_functions_of_bochs_are_found_by_ports(iso: Path, tmp_path: Path) -> None:
    machine = Machine(Host.BOCHS, iso=iso, memory=256 * MIB, ctl=tmp_path / "ctl", arguments=BOCHS)
    said, functions, _ = listed(machine)
    assert "by ports at 0xcf8; " in said
    card = next(each for each in functions if each["name"] == "Ethernet card")
    assert (card["vendor"], card["device"], card["place"]) == (0x8086, 0x100E, "0000:00:02.0")
    assert {(bar["bar"], bar["kind"], bar["size"], bar["usable"]) for bar in card["bars"]} == {
        (0, "MEMORY", 0x20000, 1),
        (1, "IO", 0x40, 1),
    }
    bridges = {each["place"]: each["device"] for each in functions if each["name"] in ("host bridge", "ISA bridge")}
    assert bridges == {"0000:00:00.0": 0x1237, "0000:00:01.0": 0x7000}
