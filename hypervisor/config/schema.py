"""Every key of a configuration: the one table behind the check, the JSON Schema and docs/config.md."""

from dataclasses import dataclass
from enum import Enum

from hypervisor.config import limits
from hypervisor.config.kinds import (
    Choice,
    Count,
    Cpus,
    Duration,
    File,
    Flag,
    Kind,
    Mac,
    Modules,
    Name,
    Size,
    Text,
    Vlans,
)
from hypervisor.config.manifest import RestartPolicy


class Required(Enum):
    """The default of a key that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(frozen=True)
class Key:
    """One key of a table. `example` is TOML; `default` is the parsed value of a key that is left out."""

    name: str
    kind: Kind
    default: object
    example: str
    doc: str


POLICY = Choice((("stop", RestartPolicy.STOP), ("restart", RestartPolicy.RESTART), ("destroy", RestartPolicy.DESTROY)))
START = Choice((("auto", True), ("manual", False)))
WAIT_UNITS = ("ms", "s")

VM_KEYS = (
    Key(
        "name",
        Name(limits.MAX_NAME_BYTES),
        REQUIRED,
        '"debian"',
        "What the VM is called on the console and by `--expect NAME:TEXT`. Each VM has a name of its own.",
    ),
    Key(
        "kernel",
        File(),
        REQUIRED,
        '"../build/guests/linux-cloud/vmlinuz"',
        "The kernel: a Linux bzImage, or a multiboot 1 kernel (ELF32, ELF64, or with load addresses in its header). "
        "The file's content decides which.",
    ),
    Key("initrd", File(), None, '"../build/guests/initramfs.gz"', "The initial RAM disk. Linux only."),
    Key(
        "modules",
        Modules(limits.MAX_MODULES, limits.MAX_CMDLINE_BYTES),
        (),
        '["ext2fs.static --readonly", "exec"]',
        "Files that a multiboot kernel gets, each with its arguments. Multiboot only.",
    ),
    Key("cmdline", Text(limits.MAX_CMDLINE_BYTES), "", '"console=ttyS0"', "The kernel's command line."),
    Key(
        "memory",
        Size(limits.MIN_MEMORY, limits.MAX_MEMORY),
        REQUIRED,
        '"256M"',
        "The VM's RAM. Linux needs room to unpack itself and its initrd; the check says how much.",
    ),
    Key(
        "vcpus",
        Count(1, limits.MAX_VCPUS),
        1,
        "1",
        "Virtual CPUs, which the guest sees as the cores of one processor. There may be more than the machine has "
        f"processors. All VMs together have at most {limits.MAX_VCPUS_TOGETHER}.",
    ),
    Key(
        "kvm_signature",
        Flag(),
        True,
        "true",
        "Whether CPUID shows the KVM signature, by which a stock Linux finds the paravirtual clock (pvclock). Without "
        "it Linux keeps time by TSC, PM timer and PIT as on a real machine.",
    ),
    Key(
        "weight",
        Count(1, limits.MAX_WEIGHT),
        100,
        "100",
        "The VM's part of the processors' time in relation to other VMs' weights, when more is wanted than there is. "
        "Those of its vCPUs that want to run share it.",
    ),
    Key(
        "cap",
        Count(1, 100 * limits.MAX_VCPUS),
        None,
        "50",
        "The most that all vCPUs of the VM may use together, in percent of one processor, even if processors idle.",
    ),
    Key("cpus", Cpus(limits.MAX_CPUS), (), "[0]", "The processors on which the VM may run; all, if it is left out."),
    Key("exclusive", Flag(), False, "false", "Whether no other VM may run on the processors of `cpus`."),
    Key(
        "budget",
        Duration(1_000, limits.MAX_PERIOD_NS),
        None,
        '"2ms"',
        "Makes the VM a real-time one: so much time has each of its vCPUs in each `period`, before all ordinary VMs, "
        "and no more.",
    ),
    Key(
        "period",
        Duration(limits.MIN_PERIOD_NS, limits.MAX_PERIOD_NS),
        None,
        '"10ms"',
        "Within which a real-time VM gets its `budget`.",
    ),
    Key(
        "on_crash",
        POLICY,
        RestartPolicy.STOP,
        '"restart"',
        "What becomes of the VM when its guest crashes (a triple fault, an exit that nothing can answer, code outside "
        "its memory): it stops and keeps its memory as it was, it starts over, or its memory becomes free. The log has "
        "the registers in any case.",
    ),
    Key("on_reboot", POLICY, RestartPolicy.RESTART, '"restart"', "The same when the guest resets its machine."),
    Key(
        "on_poweroff",
        POLICY,
        RestartPolicy.STOP,
        '"destroy"',
        "The same when the guest powers off, or halts all of its processors with interrupts off.",
    ),
    Key(
        "restart_limit",
        Count(1, limits.MAX_RESTARTS),
        5,
        "5",
        "After so many restarts within `restart_window` the VM stays stopped, and the log says so.",
    ),
    Key("restart_window", Duration(1_000_000, limits.MAX_WAIT_NS, WAIT_UNITS), 60_000_000_000, '"60s"', "See there."),
    Key(
        "start",
        START,
        True,
        '"manual"',
        "Whether the VM starts with the machine, or is not even made before somebody asks for it.",
    ),
    Key(
        "order",
        Count(0, limits.MAX_ORDER),
        0,
        "1",
        "VMs with a lower number start first; those with the same one as they stand in the file.",
    ),
    Key(
        "delay",
        Duration(0, limits.MAX_WAIT_NS, WAIT_UNITS),
        0,
        '"5s"',
        "How long the start of the VM waits behind that of the VM before it.",
    ),
)

DISK_KEYS = (
    Key(
        "image",
        File(),
        None,
        '"root.img"',
        "What the disk holds when the VM is started for the first time: the file's bytes, in a copy of the VM's own.",
    ),
    Key(
        "size",
        Size(limits.PAGE, limits.MAX_MEMORY),
        None,
        '"64M"',
        "How large the disk is. Behind the end of `image` it is empty. Left out: as large as the image.",
    ),
    Key(
        "disk",
        Text(limits.MAX_DISK_NAME_BYTES),
        None,
        '"nvme0"',
        "The disk is a whole one of the machine: its kind and number (`nvme0`, `sata0`, `virtio0`, `ata0`), or its "
        "serial number; the shell's `disks` shows them. What is written stays.",
    ),
    Key(
        "partition",
        Text(limits.MAX_DISK_NAME_BYTES),
        None,
        '"debian-root"',
        "The disk is a partition of a disk of the machine with a GUID partition table: the partition's name, or its "
        "ID (`lsblk -o PARTLABEL,PARTUUID`).",
    ),
    Key(
        "read_only",
        Flag(),
        False,
        "false",
        "Whether the disk cannot be written, and several VMs can read it. Of an `image` no copy is made.",
    ),
    Key("serial", Name(limits.MAX_SERIAL_BYTES), "", '"root"', "Its serial number, by which guests can tell disks."),
)
"""Keys of the `[[vm.disk]]` tables behind a `[[vm]]`."""

RATE = Size(limits.PAGE, limits.MAX_RATE)
BURST = Size(limits.MIN_BURST, limits.MAX_RATE)

NETWORK_KEYS = (
    Key("name", Name(limits.MAX_NAME_BYTES), REQUIRED, '"inside"', "What `[[vm.net]]` calls it."),
    Key(
        "mtu",
        Count(limits.MIN_MTU, limits.MAX_MTU),
        1500,
        "1500",
        "Bytes of the longest packet in it; guests are told. Longer frames are dropped, but for data of TCP that a "
        "guest leaves to be cut.",
    ),
    Key("rate", RATE, None, '"16M"', "Bytes a second that each device may send which names no `rate` of its own."),
    Key("burst", BURST, 256 << 10, '"256K"', "Bytes that it may send at once after a pause."),
)
"""Keys of the `[[network]]` tables."""

NET_KEYS = (
    Key("network", Name(limits.MAX_NAME_BYTES), REQUIRED, '"inside"', "The `[[network]]` that it is plugged into."),
    Key(
        "mac",
        Mac(),
        None,
        '"02:00:00:00:00:01"',
        "Its address. Left out: one that follows from the VM's name and the device's place behind it.",
    ),
    Key(
        "vlan",
        Count(1, limits.MAX_VLAN),
        None,
        "10",
        "The VLAN to which its frames belong, which have no tag. Left out: they belong to no VLAN and meet only frames "
        "of other devices without `vlan`; with `vlans` there are none.",
    ),
    Key(
        "vlans",
        Vlans(limits.MAX_VLAN, limits.MAX_VLANS),
        (),
        "[10, 20]",
        "VLANs whose frames it sends and gets with a tag (802.1Q).",
    ),
    Key(
        "spoofing",
        Flag(),
        False,
        "true",
        "Whether it may send from other addresses than `mac`, as bridges do. Else such frames are dropped.",
    ),
    Key(
        "rate",
        RATE,
        None,
        '"16M"',
        "Bytes a second that it may send; what is more is dropped. Left out: the network's.",
    ),
    Key("burst", BURST, None, '"256K"', "Bytes that it may send at once after a pause. Left out: the network's."),
)
"""Keys of the `[[vm.net]]` tables behind a `[[vm]]`."""
