"""The networks' ports, as the shell's command of the same name."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from hypervisor.ctl.answer import put
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.net.port import CARDS, DROPS, NO_VLAN, PORTS, PORTS_MAX, Drop, SwitchPort
from hypervisor.progress import Progress


@verb("net")
@fn(cold=True)
def list_ports(request: Request) -> Progress:
    """Lists the open `ports` of the networks: `vm`, `device` (number among its network devices), `network` (number),
    `mac`, `vlan` (of frames without a tag, 0 for none, or null: there are no such frames), `vlans` (of those with one),
    `listening`, `sent`, `sent_bytes`, `received`, `received_bytes`, `dropped` (frames, by cause)."""
    if request.step == 0:
        put(',"ports":[')
    if request.step >= PORTS_MAX:
        put("]")
        return Progress.DONE
    port = PORTS[request.step % PORTS_MAX]
    if port.is_open and port.owner != CARDS:
        if request.last != 0:
            put(",")
        request.last = 1
        put_port(port)
    return Progress.MORE


@fn(cold=True)
def put_port(port: SwitchPort) -> None:
    """One."""
    put(f'{{"vm":{port.owner},"device":{port.number},"network":{port.network},"mac":"')
    for i in range(u32(6)):
        if i != 0:
            put(":")
        put(f"{port.mac >> (40 - 8 * i) & 0xFF:02x}")
    put('","vlan":')
    if port.plain_vlan == NO_VLAN:
        put("null")
    else:
        put(f"{port.plain_vlan}")
    put(',"vlans":[')
    for i in range(port.tag_count):
        if i != 0:
            put(",")
        put(f"{port.tags[i]}")
    put(f'],"listening":{port.listening.load()},"sent":{port.sent},"sent_bytes":{port.sent_bytes}')
    put(f',"received":{port.received},"received_bytes":{port.received_bytes},"dropped":{{')
    for i in range(u32(DROPS)):
        cause = Drop.find(i)
        if cause is not None:
            if i != 0:
                put(",")
            put(f'"{cause}":{port.drops[i]}')
    put("}}")
