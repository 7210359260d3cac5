"""The beginning and the end of a port, and of what its device takes."""

from __future__ import annotations

from codegen.lang import Hva, fn, range, u32, u64
from hypervisor.config.manifest import NETS_MAX
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.net.filter import AddressFilter, filter_reset
from hypervisor.net.frame_ring import RING_BYTES, ring_empty
from hypervisor.net.learned import forget_all
from hypervisor.net.port import DROPS, NETWORKS, PORTS, PORTS_MAX, WAITING, SwitchPort


@fn(cold=True)
def port_open(number: u32, memory: Hva) -> None:
    """Make it a member of its network; everything else of its configuration is set. `memory` are MEMORY_FRAMES, its
    own until `port_close`. Nothing comes before it listens."""
    port = PORTS[number]
    if port.lock.place == LockPlace.UNSET:
        lock_start(port.lock, LockPlace.SWITCH)
    with port.lock:
        port.ring.base = memory
        port.ring.written.store(0)
        port.ring.read.store(0)
        port.staging = memory + RING_BYTES
        port.listening.store(0)
        filter_reset(port.filter)
        port.is_open = True
    forget_all(port.learned)
    port.sent = 0
    port.sent_bytes = 0
    port.received = 0
    port.received_bytes = 0
    for i in range(u32(DROPS)):
        port.drops[i] = 0
    NETWORKS[port.network].members.fetch_or(u64(1) << number)


@fn(cold=True)
def port_close(number: u32) -> None:
    """Afterwards nobody touches its memory. It may be one that is not open."""
    port = PORTS[number]
    NETWORKS[port.network].members.fetch_and(~(u64(1) << number))
    if port.lock.place == LockPlace.UNSET:
        return
    with port.lock:
        port.is_open = False
        port.listening.store(0)
    forget_all(port.learned)
    WAITING[port.owner].ports.fetch_and(~(u32(1) << (port.number & 31)))


@fn(cold=True)
def ports_close(owner: u32) -> None:
    """All of a VM."""
    for i in range(u32(NETS_MAX)):
        port_close((owner * NETS_MAX + i) % PORTS_MAX)


@fn(cold=True)
def port_listen(port: SwitchPort) -> None:
    """The driver is through with its set-up: frames come from now on."""
    with port.lock:
        if port.is_open:
            port.listening.store(1)


@fn(cold=True)
def port_quiet(port: SwitchPort) -> None:
    """The device is being reset: what waits is dropped, what was learned forgotten, and nothing comes."""
    with port.lock:
        port.listening.store(0)
        ring_empty(port.ring)
        filter_reset(port.filter)
    forget_all(port.learned)


@fn(cold=True)
def port_want(port: SwitchPort, filter: AddressFilter) -> None:
    """From now on it gets these frames."""
    with port.lock:
        port.filter.copy_from(filter)
