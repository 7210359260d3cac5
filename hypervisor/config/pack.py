"""From the checked model to the binary manifest, with the layouts that ring 0 reads it by. Runs on the host."""

from dataclasses import dataclass, field
from pathlib import Path

from codegen.lang import Local, sizeof, span_of, u8, u32
from hypervisor.config.manifest import (
    MANIFEST_MAGIC,
    NO_FILE,
    NO_VLAN,
    DiskFlags,
    GuestProtocol,
    ManifestFlags,
    ManifestHeader,
    ManifestNet,
    ManifestVm,
    NetFlags,
)
from hypervisor.config.model import MachineConfig, Net, Network, VmConfig
from hypervisor.layout_bytes import bytes_of

MILLISECOND = 1_000_000
FIRST_FILE = 1
"""The manifest is file 0 of the archive; the guests' files follow it."""


@dataclass
class Packed:
    """What goes into the archive: the manifest's texts while they are collected, and the guests' files in order."""

    texts_offset: int
    texts: bytearray = field(default_factory=bytearray)
    files: list[Path] = field(default_factory=list)

    def file(self, path: Path) -> int:
        """The number of a file in the archive; VMs that use the same file share it."""
        if path not in self.files:
            self.files.append(path)
        return FIRST_FILE + self.files.index(path)

    def text(self, text: str) -> int:
        """The offset in the manifest of a NUL-terminated text."""
        offset = self.texts_offset + len(self.texts)
        self.texts += text.encode() + b"\0"
        return offset


def pack_manifest(config: MachineConfig) -> tuple[bytes, list[Path]]:
    """The manifest, and the files that it numbers from FIRST_FILE."""
    packed = Packed(sizeof(ManifestHeader) + len(config.vms) * sizeof(ManifestVm))
    entries = b"".join(pack_vm(vm, config.networks, packed) for vm in config.vms)
    header = Local(ManifestHeader)
    header.magic = MANIFEST_MAGIC
    header.vm_count = len(config.vms)
    header.total_size = packed.texts_offset + len(packed.texts)
    return bytes_of(span_of(header)) + entries + bytes(packed.texts), packed.files


def pack_vm(vm: VmConfig, networks: tuple[Network, ...], packed: Packed) -> bytes:
    """One VM's entry."""
    entry = Local(ManifestVm)
    entry.memory = vm.memory
    entry.vcpus = vm.vcpus
    entry.protocol = u32(GuestProtocol.MULTIBOOT if vm.kind.is_multiboot else GuestProtocol.LINUX)
    entry.kernel = packed.file(vm.kernel)
    entry.initrd = NO_FILE if vm.initrd is None else packed.file(vm.initrd)
    entry.flags = ManifestFlags(kvm_signature=vm.kvm_signature, exclusive=vm.exclusive, manual=not vm.start)
    entry.weight = vm.weight
    entry.cap = vm.cap or 0
    entry.cpus = sum(1 << cpu for cpu in vm.cpus)
    entry.budget = vm.budget or 0
    entry.period = vm.period or 0
    entry.on_crash, entry.on_reboot, entry.on_poweroff = u8(vm.on_crash), u8(vm.on_reboot), u8(vm.on_poweroff)
    entry.restart_limit = vm.restart_limit
    entry.restart_window = vm.restart_window // MILLISECOND
    entry.order = vm.order
    entry.delay = vm.delay // MILLISECOND
    entry.module_count = len(vm.modules)
    entry.disk_count = len(vm.disks)
    entry.command_line = packed.text(vm.cmdline)
    for place, byte in enumerate(vm.name.encode()):
        entry.name[place] = byte
    for place, module in enumerate(vm.modules):
        entry.modules[place].file = packed.file(module.file)
        entry.modules[place].arguments = packed.text(module.arguments)
    for place, disk in enumerate(vm.disks):
        entry.disks[place].size = disk.size
        entry.disks[place].file = NO_FILE if disk.image is None else packed.file(disk.image)
        entry.disks[place].flags = DiskFlags(read_only=disk.read_only, source=disk.source)
        entry.disks[place].name = packed.text(disk.name)
        for at, byte in enumerate(disk.serial.encode()):
            entry.disks[place].serial[at] = byte
    entry.net_count = len(vm.nets)
    for place, net in enumerate(vm.nets):
        pack_net(net, networks, entry.nets[place])
    return bytes_of(span_of(entry))


def pack_net(net: Net, networks: tuple[Network, ...], entry: ManifestNet) -> None:
    """One network device."""
    (number,) = (number for number, network in enumerate(networks) if network.name == net.network)
    entry.network = number
    entry.mtu = networks[number].mtu
    entry.flags = NetFlags(any_source=net.spoofing)
    entry.plain_vlan = NO_VLAN if net.vlan is None else net.vlan
    entry.rate, entry.burst = net.rate or 0, net.burst
    entry.vlan_count = len(net.vlans)
    for place, vlan in enumerate(net.vlans):
        entry.vlans[place] = vlan
    for place, byte in enumerate(net.mac):
        entry.mac[place] = byte
