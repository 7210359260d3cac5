"""`ctl top`: who has used the processors since the last look, once a second."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

from hypervisor.client.connection import Connection

CLEAR = "\x1b[H\x1b[J"
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Sample:
    """What the machine says of itself at `ns` of its own clock."""

    ns: int
    cpus: list[dict[str, Any]]
    vms: list[dict[str, Any]]
    vcpus: list[dict[str, Any]]


def sample(connection: Connection) -> Sample:
    ns = connection.ask("ping")["ns"]
    return Sample(ns, connection.ask("cpus")["cpus"], connection.ask("list")["vms"], connection.ask("vcpus")["vcpus"])


def top_text(before: Sample, now: Sample) -> str:
    """The page: shares of one processor in percent, exits a second."""
    length = max(1, now.ns - before.ns)
    lines = [f"up {now.ns // SECOND} s, {len(now.cpus)} processors, {len(now.vms)} VMs", ""]
    for old, new in zip(before.cpus, now.cpus, strict=True):
        idle = percent(new["idle_ns"] - old["idle_ns"], length)
        switches = (new["switches"] - old["switches"]) * SECOND // length
        lines.append(f"cpu {new['cpu']:<3} {100 - idle:5.1f} % busy {switches:8} switches/s")
    lines += ["", f"{'VM':<20} {'vCPU':>4} {'state':<18} {'cpu':>3} {'%':>6} {'exits/s':>9}"]
    names = {vm["vm"]: vm["name"] for vm in now.vms}
    earlier = {each["vcpu"]: each for each in before.vcpus}
    for each in now.vcpus:
        old = earlier.get(each["vcpu"], each)
        used = percent(each["ran_ns"] - old["ran_ns"], length)
        exits = (each["exits"] - old["exits"]) * SECOND // length
        name = names.get(each["vm"], str(each["vm"]))
        lines.append(f"{name:<20} {each['index']:>4} {each['state']:<18} {each['cpu']:>3} {used:6.1f} {exits:>9}")
    return "\n".join(lines) + "\n"


def percent(part: int, whole: int) -> float:
    return min(100.0, max(0.0, 100 * part / whole))


def top(connection: Connection, interval: float = 1.0) -> None:
    """Until Ctrl-C. A terminal shows one page that changes, anything else gets one after the other."""
    before = sample(connection)
    clear = CLEAR if sys.stdout.isatty() else ""
    while True:
        time.sleep(interval)
        now = sample(connection)
        print(f"{clear}{top_text(before, now)}", flush=True)
        before = now
