"""What drivers of disks ask of an image, for tests: the time and memory come from devices in plain Python."""

from __future__ import annotations

from codegen.lang import Hpa, MmioBlock, Reg, at, fn, implements, mmio, u16, u64
from drivers.host import device_memory, moment

PLACE = 0x10_0000_0000


class HostServices(MmioBlock, size=0x28):
    """A register for each word."""

    time: Reg[u64] = at(0x00)
    requester: Reg[u64] = at(0x08)
    size: Reg[u64] = at(0x10)
    limit: Reg[u64] = at(0x18)
    memory: Reg[u64] = at(0x20)


@implements(moment)
@fn
def now() -> u64:
    return mmio(HostServices, Hpa(PLACE)).time.read()


@implements(device_memory)
@fn
def memory_for(requester: u16, size: u64, limit: u64) -> Hpa | None:
    services = mmio(HostServices, Hpa(PLACE))
    services.requester.write(u64(requester))
    services.size.write(size)
    services.limit.write(limit)
    found = services.memory.read()
    if found == 0:
        return None
    return Hpa(found)
