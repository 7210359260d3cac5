"""Every key of a configuration: the one table behind the check, the JSON Schema and docs/config.md."""

from dataclasses import dataclass
from enum import Enum

from hypervisor.config import limits
from hypervisor.config.kinds import Count, Cpus, Duration, File, Flag, Kind, Modules, Name, Size, Text


class Required(Enum):
    """The default of a key that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(frozen=True)
class Key:
    """One key of a `[[vm]]` table. `example` is TOML; `default` is the parsed value of a key that is left out."""

    name: str
    kind: Kind
    default: object
    example: str
    doc: str


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
)
