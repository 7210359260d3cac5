"""The Debian packages that building, booting and testing need, and their installation. Standard library only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

DEBIAN_PACKAGES = {
    # package: (what shows that it is there: a program, a file pattern or a Python module; what it is for)
    "python3-venv": ("import ensurepip", "the virtual environment"),
    "qemu-system-x86": ("qemu-system-x86_64", "the AMD-V test machine"),
    "bochs": ("bochs", "the VT-x test machine"),
    "bochs-sdl": ("/usr/lib/*/bochs/plugins/libbx_sdl2_gui.so", "a display that Bochs can have without a screen"),
    "bochsbios": ("/usr/share/bochs/BIOS-bochs-latest", "Bochs' firmware (apt would take SeaBIOS for it)"),
    "vgabios": ("/usr/share/vgabios/vgabios.bin", "Bochs' firmware for VGA"),
    "ovmf": ("/usr/share/OVMF/OVMF_CODE_4M.fd", "UEFI firmware for the test machine"),
    "lld": ("ld.lld", "linking the images and BOOTX64.EFI"),
    "xorriso": ("xorriso", "writing the ISO"),
    "mtools": ("mcopy", "writing the ISO's EFI system partition"),
    "nasm": ("nasm", "a second assembler: the tests hold every stub against it"),
    "binutils": ("as", "a third one, for what nasm does not know"),
    "acpica-tools": ("iasl", "the ACPI compiler: the tests let it judge the guests' tables"),
    "gcc": ("gcc", "the C compile job that the bench compares build times with"),
    "gdb": ("gdb", "debugging ring 0 at Python lines"),
    "debian-archive-keyring": ("/usr/share/keyrings/debian-archive-keyring.gpg", "checking the guests' signatures"),
}


class PackageError(Exception):
    """Packages are missing and cannot be installed; the message says what to do."""


def missing_packages() -> list[str]:
    return [package for package, (evidence, _) in DEBIAN_PACKAGES.items() if not is_there(evidence)]


def is_there(evidence: str) -> bool:
    if evidence.startswith("import "):
        return subprocess.run([sys.executable, "-c", evidence], capture_output=True, check=False).returncode == 0
    if evidence.startswith("/"):
        return any(Path("/").glob(evidence[1:]))
    return shutil.which(evidence) is not None


def install_packages(packages: list[str], say: Callable[[str], None]) -> None:
    """By apt-get as root; otherwise PackageError with the line to type."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        evidence = ", ".join(DEBIAN_PACKAGES[package][0] for package in packages)
        raise PackageError(f"missing: {evidence} (in Debian, the packages {names}); install them and try again")
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise PackageError(f"missing Debian packages; run this line, then try again:\n  sudo {' '.join(install)}")
    sizes = download_sizes(packages)
    if sizes is None:
        say("reading Debian's package lists (about 10 MB)")
        run_apt(["apt-get", "update", "-q"])
        sizes = download_sizes(packages) or []
    say(f"Debian: {len(sizes)} packages, {sum(sizes) / 1e6:.1f} MB to download")
    try:
        run_apt(install)
    except PackageError:  # lists that are older than the mirror's packages
        run_apt(["apt-get", "update", "-q"])
        run_apt(install)


def download_sizes(packages: list[str]) -> list[int] | None:
    """Bytes of every package that would be fetched; None if the package lists do not know them."""
    simulation = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "--print-uris", *packages]
    listing = subprocess.run(simulation, capture_output=True, text=True, check=False)
    if listing.returncode:
        return None
    return [int(line.split()[2]) for line in listing.stdout.splitlines() if line.startswith("'")]


def run_apt(command: list[str]) -> None:
    """Its output is the progress; it goes to standard error, because standard output is for results."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode:
        raise PackageError(f"{' '.join(command)} failed (its messages are above)")
