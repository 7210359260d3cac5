"""What can be wrong with a guest's files, in words. `check` says the same on the host; ring 0 does not trust it."""

from __future__ import annotations

from codegen.lang import HwEnum, Span, fn, span, u32


class BootError(HwEnum, repr=u32, must_use=True):
    """Why a VM cannot be started."""

    KERNEL_MISSING = 1
    KERNEL_UNKNOWN = 2
    KERNEL_TRUNCATED = 3
    KERNEL_TOO_OLD = 4
    MEMORY_TOO_SMALL = 5
    INITRD_TOO_LARGE = 6
    FILE_MISSING = 7
    NO_HOST_MEMORY = 8
    NO_SUCH_CPU = 9
    NO_CPU_LEFT = 10
    NO_REAL_TIME = 11
    TOO_MANY_DEVICES = 12
    NO_DISK = 13
    NO_PARTITION = 14
    DISK_IN_USE = 15
    NETWORK_UNKNOWN = 16


@fn
def words_for(error: BootError) -> Span:
    """A sentence with the remedy."""
    match error:
        case BootError.KERNEL_MISSING:
            return span(b"the archive holds no kernel for it; build the ISO again")
        case BootError.KERNEL_UNKNOWN:
            return span(
                b"the kernel is neither a Linux bzImage nor a multiboot 1 kernel; name another file at `kernel`"
            )
        case BootError.KERNEL_TRUNCATED:
            return span(b"the kernel file is cut short; fetch it again")
        case BootError.KERNEL_TOO_OLD:
            return span(b"the kernel's boot protocol is older than 2.02 or it loads low; use a bzImage of this century")
        case BootError.MEMORY_TOO_SMALL:
            return span(b"the kernel does not fit into its memory; raise `memory`")
        case BootError.INITRD_TOO_LARGE:
            return span(b"the initrd does not fit beside the kernel; raise `memory`")
        case BootError.FILE_MISSING:
            return span(b"a module or a disk is missing in the archive; build the ISO again")
        case BootError.NO_HOST_MEMORY:
            return span(b"the machine has too little free memory; lower `memory` or add RAM")
        case BootError.NO_SUCH_CPU:
            return span(b"`cpus` names a processor that this machine, or this version, does not run; leave it out")
        case BootError.NO_CPU_LEFT:
            return span(b"every processor of its `cpus` is another VM's own (`exclusive`); give it one that is not")
        case BootError.NO_REAL_TIME:
            return span(b"its processors have no room for `budget` in each `period`; lower it, or that of another VM")
        case BootError.TOO_MANY_DEVICES:
            return span(b"it has more devices than its PCI bus has slots; leave some out")
        case BootError.NO_DISK:
            return span(b"the machine has no such disk, or several; the shell's `disks` shows the names for `disk`")
        case BootError.NO_PARTITION:
            return span(b"no disk has such a partition, or several have; the shell's `disks` shows them")
        case BootError.DISK_IN_USE:
            return span(b"another VM uses the disk or a part of it, and one of the two writes; set `read_only`")
        case BootError.NETWORK_UNKNOWN:
            return span(b"the archive names a network that this version does not have; build the ISO again")
