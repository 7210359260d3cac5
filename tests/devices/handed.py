"""Commands that a guest's device hands to a disk of the machine: kept until a test has them come back."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, implements, storage, u32
from drivers.storage.command import COMMANDS_MAX
from hypervisor.devices.virtio.machine_disk import disk_submit


class Handed(Struct):
    """In the order in which they came."""

    amount: Field[u32]
    commands: Array[u32] = count(COMMANDS_MAX)


HANDED = storage(Handed)


@implements(disk_submit)
@fn
def keep(command: u32) -> None:
    """One more."""
    HANDED.commands[HANDED.amount] = command
    HANDED.amount += 1
