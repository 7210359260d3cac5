"""Fetching the guests at set-up: packages by apt-get, one file out of each."""

import fcntl
import fnmatch
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boot.guests.apt import Apt, AptError, debian_12
from boot.guests.catalogue import FOLDER, GUESTS, Guest, guest_path
from boot.guests.initramfs import build_initramfs, initramfs_sources, pack_modules

VERSIONS = FOLDER / "versions.json"


class GuestError(Exception):
    """A guest that could not be fetched or unpacked."""


@dataclass(frozen=True)
class Plan:
    """What will be downloaded: for each guest its real package, and all bytes together."""

    apt: Apt
    packages: dict[str, str]
    size: int


def content_key() -> str:
    """Changes when another guest, or another initramfs, would be made."""
    digest = hashlib.sha256(repr(sorted(GUESTS.items())).encode())
    for path, data in initramfs_sources():
        digest.update(f"{path} {len(data)} ".encode() + data)
    return digest.hexdigest()


def missing_guests() -> list[str]:
    """Those that set-up has to fetch, as they are not there, or are not made as the catalogue says any more: with one
    of a package all of it, as modules fit the kernel that they were built with and no other."""
    wanted = [name for name, guest in GUESTS.items() if not guest.on_demand]
    made = recorded()
    packages = {GUESTS[name].package for name in wanted if not is_current(name, made)}
    return [name for name in wanted if GUESTS[name].package in packages]


def is_current(name: str, made: dict[str, dict[str, str]]) -> bool:
    """Whether the guest is there, made as the catalogue says."""
    return guest_path(name).is_file() and made.get(name, {}).get("recipe") == repr(GUESTS[name])


def plan_download(names: list[str]) -> Plan:
    """Find the packages; GuestError if neither the system's lists nor Debian's own have them."""
    try:
        return plan_with(Apt(), names)
    except AptError:
        pass
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        return plan_with(debian_12(FOLDER / "apt"), names)
    except AptError as error:
        raise GuestError(f"the guests' packages were not found: {error}") from None


def plan_with(apt: Apt, names: list[str]) -> Plan:
    packages = {n: apt.real_package(GUESTS[n].package) if GUESTS[n].meta else GUESTS[n].package for n in names}
    sizes = apt.sizes(list(packages.values())) if packages else {}
    return Plan(apt, packages, sum(sizes.values()))


def fetch_guests(plan: Plan, say: Callable[[str], None]) -> None:
    """Download and unpack; then make the initramfs, which needs no network."""
    fetch_packages(plan, say)
    build_initramfs()


def fetch_on_demand(name: str) -> Path:
    """The file of a guest that set-up has left out, fetched if this is its first use. Processes that ask at the same
    time wait for each other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "on-demand.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not guest_path(name).is_file():
            fetch_packages(plan_download([name]), print)
    return guest_path(name)


def fetch_packages(plan: Plan, say: Callable[[str], None]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for package in dict.fromkeys(plan.packages.values()):
        names = [name for name, its in plan.packages.items() if its == package]
        say(f"guest {', '.join(names)}: {package}")
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix="download-") as folder:
            try:
                archive = plan.apt.download(package, Path(folder))
            except AptError as error:
                raise GuestError(str(error)) from None
            for name in names:
                extract(archive, GUESTS[name])
                record(name, archive.name)


def extract(archive: Path, guest: Guest) -> None:
    """Put what we want where it belongs, by rename, so that a broken run leaves nothing half."""
    product = FOLDER / guest.product
    product.parent.mkdir(parents=True, exist_ok=True)
    partial = product.with_name(product.name + ".partial")
    modules: dict[str, bytes] = {}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as package:
        with tarfile.open(fileobj=package.stdout, mode="r|") as tar:
            for member in tar:
                if member.isfile() and any(fnmatch.fnmatch(member.name, each) for each in guest.member.split()):
                    source = tar.extractfile(member)
                    assert source is not None
                    if guest.modules:
                        modules[Path(member.name).name] = source.read()
                        continue
                    with partial.open("wb") as target:
                        shutil.copyfileobj(gzip.GzipFile(fileobj=source) if guest.gunzip else source, target)
                    partial.chmod(member.mode & 0o755)
        while package.stdout and package.stdout.read(1 << 20):
            pass
    if modules:
        partial.write_bytes(pack_modules(modules))
    if package.returncode or not partial.is_file():
        raise GuestError(f"{archive.name} holds no {guest.member}")
    partial.replace(product)


def record(name: str, file_name: str) -> None:
    """Keep which version of the package each guest came from, for reports and bug hunting, and how it was made."""
    known = recorded()
    known[name] = {"package": file_name, "recipe": repr(GUESTS[name])}
    VERSIONS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def recorded() -> dict[str, dict[str, str]]:
    """What `record` has kept."""
    try:
        known = json.loads(VERSIONS.read_text())
    except (OSError, ValueError):
        return {}
    return {name: entry for name, entry in known.items() if isinstance(entry, dict)} if isinstance(known, dict) else {}
