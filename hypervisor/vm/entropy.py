"""The entropy device of a VM: where the processor has a random number generator, each VM has one."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.cpu.features import FEATURES
from hypervisor.devices.pci.image import FunctionKind
from hypervisor.devices.virtio.entropy import entropy_start
from hypervisor.devices.virtio.slots import slots_add
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.vm import Vm


@fn(cold=True)
def make_entropy(vm: Vm) -> BootError | None:
    """In the slot behind the disks."""
    if not FEATURES.rdrand:
        return None
    with vm.board_lock:
        device = slots_add(vm.board.virtio, vm.board.pci, FunctionKind.ENTROPY)
        if device is None:
            return BootError.TOO_MANY_DEVICES
        entropy_start(device)
    return None
