"""A machine with virtio devices, from its PCI bus to the contracts of drivers."""

from __future__ import annotations

from codegen.lang import Hpa, bind, host
from drivers.acpi.root import acpi_start
from drivers.host import device_memory, moment
from drivers.pci.enumerate import pci_enumerate
from drivers.pci.functions import PCI, PciFunction
from drivers.pci.quiet import pci_quiet
from drivers.pci.windows import windows_find
from tests.drivers.test_acpi import PLACE
from tests.pci.execution import begin
from tests.pci.fronts import WINDOW, Lock, Window, put_mcfg
from tests.pci.machine import Bus, Host
from tests.virtio import contracts
from tests.virtio.contracts import POOL
from tests.virtio.device import Clock, VirtioDevice

POOL_BYTES = 8 << 20
SLOT = 3


class Machine:
    """To be made before its devices: it begins anew."""

    def __init__(self, memory: int = POOL_BYTES) -> None:
        self.bus: Bus = {}
        begin()
        Lock()
        Window(Host({0: self.bus}))
        put_mcfg((WINDOW, 0, 0, 0))
        acpi_start(Hpa(PLACE))
        windows_find()
        host.memory.allocate(1 << 20)  # firmware's
        bind(device_memory, contracts.pool_memory)
        bind(moment, contracts.bus_moment)
        self.pool = int(host.memory.allocate(memory))
        POOL.next, POOL.end = self.pool, self.pool + memory
        self.clock = Clock()

    def plug(self, *devices: VirtioDevice) -> list[PciFunction]:
        """Into the slots from SLOT on; found, and quiet."""
        for number, device in enumerate(devices):
            self.bus[SLOT + number, 0] = device.function
            device.pool = self.pool
        pci_enumerate()
        functions = [PCI.functions[i] for i in range(len(devices))]
        for function in functions:
            pci_quiet(function)
        return functions
