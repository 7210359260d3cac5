"""A process of its own that boots a disk as `build.py run` would: HOST DISK TIMEOUT [TEXT]."""

import sys
from pathlib import Path

from boot.machines.machine import MIB, Drive, Host, Machine
from boot.machines.run import Request, run_machine

if __name__ == "__main__":
    host, disk, timeout, *text = sys.argv[1:]
    machine = Machine(Host(host), iso=Path(disk), drive=Drive.DISK, memory=64 * MIB)
    sys.exit(run_machine(machine, Request(text[0] if text else None, float(timeout), vm_names=("one", "two"))))
