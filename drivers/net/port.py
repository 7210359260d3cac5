"""The table of the machine's network ports. Drivers add what they find; who uses ports looks here."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Struct, count, fn, storage, u8, u16, u32

PORTS_MAX = 8
MAC_BYTES = 6


class NetDriver(HwEnum, repr=u8):
    """Whose functions take the port's frames."""

    NONE = 0
    E1000 = 1  # and e1000e
    VIRTIO = 2


class NetPort(Struct):
    """One port of a card."""

    driver: Field[NetDriver]
    controller: Field[u8]  # number among its driver's
    requester: Field[u16]  # its requester ID in segment 0
    link: Field[bool]
    gone: Field[bool]
    checksums: Field[bool]  # it can do what Frame asks for with `checksum_wanted`,
    segments: Field[bool]  # and with `segment`
    megabits: Field[u32]  # per second, 0 when unknown
    mac: Array[u8] = count(MAC_BYTES)


class NetPorts(Struct):
    """All of the machine."""

    port_count: Field[u32]
    beyond: Field[u32]  # found, but there is no room for them
    ports: Array[NetPort] = count(PORTS_MAX)


NET = storage(NetPorts)


@fn(cold=True)
def net_port_add(driver: NetDriver, controller: u8) -> NetPort | None:
    """One more, all zero but what is named here; None when there is no room."""
    number = NET.port_count
    if number >= PORTS_MAX:
        NET.beyond = NET.beyond.wrapping_add(1)
        return None
    NET.port_count = number + 1
    port = NET.ports[number]
    port.zero()
    port.driver = driver
    port.controller = controller
    return port
