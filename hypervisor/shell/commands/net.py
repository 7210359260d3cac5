"""The networks' ports, what went through them, and what did not. Counts are read as they are just now."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from hypervisor.net.port import DROPS, NO_VLAN, PORTS, PORTS_MAX, Drop, SwitchPort
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.vm import VMS, VMS_MAX


@command("net")
@fn(cold=True)
def show_net(call: Call) -> Progress:
    """Shows the networks' ports: whose each is, its address and VLANs, frames and bytes, what was dropped and why."""
    if call.step == 0 and not any_open():
        say("no VM that was made has a network device: `[[vm.net]]` in the configuration gives it one")
        return Progress.DONE
    port = PORTS[call.step % PORTS_MAX]
    if port.is_open:
        show_port(port)
    return Progress.MORE if call.step + 1 < PORTS_MAX else Progress.DONE


@fn(cold=True)
def any_open() -> bool:
    """Whether there is something to show."""
    for i in range(u32(PORTS_MAX)):
        if PORTS[i].is_open:
            return True
    return False


@fn(cold=True)
def show_port(port: SwitchPort) -> None:
    """One."""
    if port.owner < VMS_MAX:
        name = VMS[port.owner].name_span()
        up = port.listening.load() != 0
        say(f"{name}, device {port.number}: {port.mac:012x} in network {port.network}, takes frames: {up}")
    if port.plain_vlan != NO_VLAN and port.plain_vlan != 0:
        say(f"  VLAN {port.plain_vlan}")
    for i in range(port.tag_count):
        say(f"  VLAN {port.tags[i]}, with a tag")
    say(f"  sent {port.sent} frames, {port.sent_bytes} bytes")
    say(f"  received {port.received} frames, {port.received_bytes} bytes")
    for i in range(u32(DROPS)):
        dropped = port.drops[i]
        cause = Drop.find(i)
        if dropped != u64(0) and cause is not None:
            say(f"  dropped {dropped}: {cause}")
