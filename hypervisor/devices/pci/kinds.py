"""What can stand in a slot of the guest's PCI bus: a new device joins here."""

from __future__ import annotations

from codegen.lang import HwEnum, u32
from drivers.virtio.status import DeviceType
from hypervisor.devices.pci.image import CONFIG_BYTES, ConfigImage, host_bridge
from hypervisor.devices.virtio.image import virtio_image


class FunctionKind(HwEnum, repr=u32):
    """What stands in a slot."""

    NONE = 0
    HOST_BRIDGE = 1
    BLOCK = 2
    ENTROPY = 3
    NETWORK = 4


IMAGES = {
    FunctionKind.NONE: ConfigImage(bytes(CONFIG_BYTES), bytes(CONFIG_BYTES)),
    FunctionKind.HOST_BRIDGE: host_bridge(),
    FunctionKind.BLOCK: virtio_image(DeviceType.BLOCK, 0x01, 0x80),
    FunctionKind.ENTROPY: virtio_image(DeviceType.ENTROPY, 0x10, 0x80),
    FunctionKind.NETWORK: virtio_image(DeviceType.NETWORK, 0x02, 0x00),
}
