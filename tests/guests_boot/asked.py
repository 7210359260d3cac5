"""A machine with these guests on two processors, on either host, that can be asked over COM2."""

from __future__ import annotations

from pathlib import Path

from boot.image.iso import build_iso
from boot.machines.machine import Drive, Host, Machine
from hypervisor.image import build_images


def asked_machine(host: Host, archive: Path, scratch: Path, memory: int, ips: int | None = None) -> Machine:
    """Its socket is `scratch`/ctl. AMD-V is booted directly, VT-x from an ISO. `ips`: of Bochs."""
    ctl = scratch / "ctl"
    if host is Host.QEMU:
        return Machine(host, kernel=build_images()["amd-v"], archive=archive, memory=memory, cpus=2, ctl=ctl)
    iso = build_iso(build_images(), archive, scratch / "iso")
    return Machine(host, iso=iso, drive=Drive.CD, memory=memory, cpus=2, ctl=ctl, ips=ips)
