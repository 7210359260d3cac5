import subprocess
from pathlib import Path

import pytest

from boot.guests.catalogue import GUESTS, guest_path
from boot.guests.fetch import missing_guests
from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.config.kernels import read_kernel
from hypervisor.config.model import KernelKind

FETCHED_AT_SET_UP = [name for name, guest in GUESTS.items() if not guest.on_demand]
KERNELS = [name for name in FETCHED_AT_SET_UP if name != "busybox" and not GUESTS[name].modules]


def test_guests_are_the_kernels_that_their_names_say() -> None:
    kinds = {name: read_kernel(guest_path(name)).kind for name in KERNELS}
    assert kinds == {
        "linux-cloud": KernelKind.LINUX,
        "linux-generic": KernelKind.LINUX,
        "gnumach": KernelKind.MULTIBOOT_ELF64,
        "memtest86+": KernelKind.LINUX,
    }


def test_set_up_leaves_out_what_is_fetched_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boot.guests.catalogue.FOLDER", tmp_path)
    assert missing_guests() == FETCHED_AT_SET_UP
    assert set(GUESTS) - set(FETCHED_AT_SET_UP) == {"linux-rt"}


def test_cpio_reads_the_initramfs(tmp_path: Path) -> None:
    archive = subprocess.run(["gzip", "-dc", guest_path("initramfs")], capture_output=True, check=True).stdout
    listing = subprocess.run([guest_path("busybox"), "cpio", "-tv"], input=archive, capture_output=True, check=True)
    lines = listing.stdout.decode().splitlines()
    names = {line.split()[-1]: line for line in lines}
    assert names["dev/console"].startswith("crw")
    assert names["etc/rc"].startswith("-rwx")
    assert "init -> bin/busybox" in listing.stdout.decode()


def test_the_second_initramfs_has_the_cloud_kernels_virtio_modules_too() -> None:
    archive = subprocess.run(["gzip", "-dc", guest_path("initramfs-virtio")], capture_output=True, check=True).stdout
    first = subprocess.run(["gzip", "-dc", guest_path("initramfs")], capture_output=True, check=True).stdout
    assert archive.startswith(first)
    rest = subprocess.run(
        [guest_path("busybox"), "cpio", "-t"], input=archive[len(first) :], capture_output=True, check=True
    )
    loaded = (guest_path("initramfs").parents[2] / "boot/guests/rootfs/etc/rc").read_text()
    for module in ("virtio", "virtio_ring", "virtio_pci", "virtio_blk", "virtio-rng"):
        assert f"lib/modules/{module}.ko" in rest.stdout.decode().split() and module in loaded


def test_every_kernel_of_the_catalogue_has_an_example() -> None:
    examples = "".join(path.read_text() for path in (Path(__file__).parents[2] / "examples").glob("*.toml"))
    assert all(GUESTS[name].product in examples for name in KERNELS)


@pytest.fixture(scope="module")
def bare_linux() -> str:
    command = "console=ttyS0 quiet kb.test=warnings,interrupts,poweroff"
    machine = Machine(
        Host.QEMU,
        kernel=guest_path("linux-cloud"),
        archive=guest_path("initramfs"),
        memory=256 * MIB,
        arguments=("-append", command),
    )
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"reboot: Power down"))
        assert session.run() is Outcome.FOUND, session.tail()
        return session.tail(1000)


def test_linux_on_the_bare_emulator_reaches_user_space_and_powers_off(bare_linux: str) -> None:
    assert "keelback-guest: user space reached" in bare_linux
    assert "keelback-guest: test interrupts passed" in bare_linux
    assert "keelback-guest: test warnings passed" in bare_linux
