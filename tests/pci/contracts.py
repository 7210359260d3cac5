"""What drivers/pci asks of an image, for tests: RAM is 1 MiB, and who has the ports is written to a port."""

from __future__ import annotations

from codegen.lang import Hpa, PortBlock, Reg, at, fn, implements, ports, u8, u16, u64
from drivers.acpi.root import acpi_may_read
from drivers.pci.config_ports import config_ports_lock, config_ports_unlock

RAM = 1 << 20
LOCK_PORT = 0x80


class LockPort(PortBlock, size=1):
    held: Reg[u8] = at(0)


@implements(config_ports_lock)
@fn
def take() -> None:
    ports(LockPort, u16(LOCK_PORT)).held.write(1)


@implements(config_ports_unlock)
@fn
def give() -> None:
    ports(LockPort, u16(LOCK_PORT)).held.write(0)


@implements(acpi_may_read)
@fn
def may_read(hpa: Hpa, length: u64) -> bool:
    return u64(hpa) <= RAM and length <= RAM - u64(hpa)
