"""The lock of the configuration ports CF8h and CFCh. Nothing else is taken inside, so it may be taken anywhere."""

from __future__ import annotations

from codegen.lang import Struct, fn, implements, storage
from drivers.pci.config_ports import config_ports_lock, config_ports_unlock
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start


class ConfigPortsLock(Struct):
    """Nothing but the lock: what it guards are the ports."""

    lock: SpinLock


CONFIG_PORTS = storage(ConfigPortsLock)


@fn(cold=True)
def ports_lock_start() -> None:
    """Before the first access."""
    lock_start(CONFIG_PORTS.lock, LockPlace.CONFIG_PORTS)


@implements(config_ports_lock)
@fn(cold=True)
def take_ports() -> None:
    """Wait for the ports."""
    CONFIG_PORTS.lock.acquire()


@implements(config_ports_unlock)
@fn(cold=True)
def give_ports() -> None:
    """Done with them."""
    CONFIG_PORTS.lock.release()
