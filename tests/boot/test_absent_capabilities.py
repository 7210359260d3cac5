from pathlib import Path

import pytest

from boot.image.iso import build_iso
from boot.machines.machine import MIB, Host, Machine
from boot.machines.watch import ALL_STOPPED
from hypervisor.image import build_images
from tests.boot.test_machine import console


@pytest.fixture(scope="module")
def images() -> dict[str, Path]:
    return build_images()


@pytest.fixture(scope="module")
def machine_iso(images: dict[str, Path], archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_iso(images, archive, tmp_path_factory.mktemp("absent") / "machine.iso")


def assert_said_and_up(text: str, words: str) -> None:
    lines = text.splitlines()
    assert f"keelback: guests cannot run on this machine: {words}" in lines, text
    assert "keelback: all guests have stopped" in lines
    assert "PANIC" not in text


QEMU = {
    "EPYC,-svm": "this CPU has neither VT-x nor AMD-V: use another machine, or an emulator's CPU model that has one",
    "qemu64,+svm,-npt": "this CPU has no EPT or nested paging: a CPU of 2010 or later is needed",
    "qemu64,+svm,+npt": "this CPU has no XSAVE: a CPU of 2011 or later is needed",
}


@pytest.mark.parametrize("cpu", QEMU)
def test_the_monitor_says_what_amd_v_lacks_and_stays_up(images: dict[str, Path], cpu: str) -> None:
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpu=cpu)
    assert_said_and_up(console(machine, ALL_STOPPED), QEMU[cpu])


BOCHS = {
    "core2_penryn_t9600": "this CPU has no EPT or nested paging: a CPU of 2010 or later is needed",
    "corei5_lynnfield_750": "this CPU's VT-x has no unrestricted guest: a Westmere (2010) or later is needed",
}


@pytest.mark.parametrize("cpu", BOCHS)
def test_the_monitor_says_what_vt_x_lacks_and_stays_up(machine_iso: Path, cpu: str) -> None:
    machine = Machine(Host.BOCHS, iso=machine_iso, memory=256 * MIB, cpu=cpu)
    assert_said_and_up(console(machine, ALL_STOPPED), BOCHS[cpu])


def test_the_loader_stops_with_words_where_no_image_fits(machine_iso: Path) -> None:
    machine = Machine(Host.QEMU, iso=machine_iso, memory=256 * MIB, cpu="EPYC,-svm")
    text = console(machine, b"or use another machine.")
    assert "Keelback: this processor has neither VT-x nor AMD-V" in text
    assert "Enable virtualization in the firmware setup, or use another machine." in text
