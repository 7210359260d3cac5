"""The binary manifest: file 0 of the archive, written by the host tool and read by ring 0 with these same layouts."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, HwEnum, Struct, at, bit, bits, u8, u16, u32, u64

MANIFEST_MAGIC = 0x4D42_4B32  # "2KBM"
NO_FILE = 0xFFFF_FFFF
VMS_MAX = 16
MODULES_MAX = 16
DISKS_MAX = 4
NETS_MAX = 3  # network devices of a VM
NETWORKS_MAX = 16
VLANS_MAX = 16  # with a tag, of one network device
MAC_BYTES = 6
NO_VLAN = 0xFFFF
SERIAL_BYTES = 20  # NUL-padded
NAME_BYTES = 32  # NUL-padded
RESTARTS_MAX = 32
TEXT_BYTES = 2048  # a command line or a module's arguments, NUL-terminated


class GuestProtocol(HwEnum, repr=u32):
    """How a guest's kernel is started."""

    LINUX = 1  # bzImage (Linux boot protocol)
    MULTIBOOT = 2  # multiboot 1: ELF32, ELF64 or the address header


class RestartPolicy(HwEnum, repr=u8):
    """What becomes of a VM that has ended."""

    STOP = 0  # it keeps its memory, as it was
    RESTART = 1
    DESTROY = 2  # its memory is free for others


class ManifestFlags(BitStruct, repr=u32):
    """Switches of one VM."""

    kvm_signature: bool = bit(0)
    exclusive: bool = bit(1)  # no other VM runs on `cpus`
    manual: bool = bit(2)  # not made before somebody asks for it


class ManifestModule(Struct, size=8, align=1):
    """A multiboot module."""

    file: Field[u32] = at(0)  # index in the archive
    arguments: Field[u32] = at(4)  # offset of its text in the VM's text area


class DiskSource(HwEnum, repr=u8):
    """Where a disk's blocks lie."""

    MEMORY = 0  # in RAM, or in the archive
    DISK = 1  # a whole disk of the machine
    PARTITION = 2  # of one


class DiskFlags(BitStruct, repr=u32):
    """Switches of one disk."""

    read_only: bool = bit(0)  # in MEMORY: the file itself, which other VMs may read too; else a copy of it
    source: DiskSource = bits(8, 9)


class ManifestDisk(Struct, size=40, align=1):
    """A guest's disk."""

    size: Field[u64] = at(0)  # bytes, of one in RAM
    file: Field[u32] = at(8)  # index in the archive of what it holds at the beginning, or NO_FILE
    flags: Field[DiskFlags] = at(12)
    serial: Array[u8] = at(16, count=SERIAL_BYTES)
    name: Field[u32] = at(36)  # of the disk or the partition of the machine: offset of a text in the manifest


class NetFlags(BitStruct, repr=u32):
    """Switches of one network device."""

    any_source: bool = bit(0)  # it may send from other addresses than its own


class ManifestNet(Struct, size=80, align=1):
    """A network device."""

    network: Field[u32] = at(0)  # number below NETWORKS_MAX: nothing else is known of a network
    flags: Field[NetFlags] = at(4)
    mac: Array[u8] = at(8, count=MAC_BYTES)
    plain_vlan: Field[u16] = at(14)  # to which frames without a tag belong, 0 for none, or NO_VLAN: there are none
    mtu: Field[u32] = at(16)
    vlan_count: Field[u32] = at(20)  # at most VLANS_MAX
    rate: Field[u64] = at(24)  # bytes a second that it may send; 0: no limit
    burst: Field[u64] = at(32)  # bytes at once
    vlans: Array[u16] = at(40, count=VLANS_MAX)


class ManifestVm(Struct, size=664, align=1):
    """One VM."""

    memory: Field[u64] = at(0)  # bytes
    vcpus: Field[u32] = at(8)
    protocol: Field[u32] = at(12)  # GuestProtocol
    kernel: Field[u32] = at(16)  # index in the archive
    initrd: Field[u32] = at(20)  # or NO_FILE
    flags: Field[ManifestFlags] = at(24)
    module_count: Field[u32] = at(28)
    command_line: Field[u32] = at(32)  # offset of a NUL-terminated text in the manifest
    weight: Field[u32] = at(36)
    name: Array[u8] = at(40, count=NAME_BYTES)
    modules: Array[ManifestModule] = at(72, count=MODULES_MAX)  # `arguments` is such an offset too
    cap: Field[u32] = at(200)  # percent of one processor; 0: none
    cpus: Field[u64] = at(208)  # bit n: may run on processor n; 0: on all
    budget: Field[u64] = at(216)  # real time: ns of each vCPU in each period; 0: an ordinary VM
    period: Field[u64] = at(224)  # ns
    on_crash: Field[u8] = at(232)  # these three are RestartPolicy
    on_reboot: Field[u8] = at(233)
    on_poweroff: Field[u8] = at(234)
    restart_limit: Field[u32] = at(236)  # so many restarts, at most RESTARTS_MAX,
    restart_window: Field[u32] = at(240)  # within so many ms
    order: Field[u32] = at(244)  # lower ones start first
    delay: Field[u32] = at(248)  # ms behind the one before
    disk_count: Field[u32] = at(252)
    disks: Array[ManifestDisk] = at(256, count=DISKS_MAX)
    net_count: Field[u32] = at(416)
    nets: Array[ManifestNet] = at(424, count=NETS_MAX)


class ManifestHeader(Struct, size=32, align=1):
    """First bytes of the manifest; `vm_count` ManifestVm follow, then the texts."""

    magic: Field[u32] = at(0)
    vm_count: Field[u32] = at(4)
    total_size: Field[u64] = at(8)
