"""A configuration that has passed every check."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hypervisor.config.manifest import DiskSource, RestartPolicy

RUN = 2 << 20
"""Bytes in which guests get RAM."""
PORT_BYTES = 580 << 10
"""Of a network device's port (hypervisor/net/port.py)."""


class KernelKind(Enum):
    """The boot protocol that a kernel file asks for."""

    LINUX = "Linux bzImage"
    MULTIBOOT_ELF32 = "multiboot 1, ELF32"
    MULTIBOOT_ELF64 = "multiboot 1, ELF64"
    MULTIBOOT_ADDRESSES = "multiboot 1, addresses in the header"

    @property
    def is_multiboot(self) -> bool:
        return self is not KernelKind.LINUX


@dataclass(frozen=True)
class Module:
    """A multiboot module: a file, and the string that the kernel gets with it."""

    file: Path
    arguments: str


@dataclass(frozen=True)
class Disk:
    """In RAM: a disk of `size` bytes, a copy of `image`, empty behind its end; or, if it is `read_only`, the image.
    Else the disk or the partition of the machine that has this `name`."""

    image: Path | None
    size: int  # 0 for those of the machine
    read_only: bool
    serial: str
    source: DiskSource = DiskSource.MEMORY
    name: str = ""


@dataclass(frozen=True)
class Network:
    """A switch between VMs. `mtu` in bytes; `rate` in bytes a second and `burst` in bytes hold for each device that
    names no own ones."""

    name: str
    mtu: int = 1500
    rate: int | None = None
    burst: int = 256 << 10


@dataclass(frozen=True)
class Net:
    """A network device. `mac` are 6 bytes; `vlan` is that of frames without a tag (0: none, None: there are no such
    frames), `vlans` are those with one."""

    network: str
    mac: bytes
    vlan: int | None = 0
    vlans: tuple[int, ...] = ()
    spoofing: bool = False
    rate: int | None = None
    burst: int = 256 << 10


@dataclass(frozen=True)
class VmConfig:
    """One VM. `memory` is in bytes, a multiple of the page size; `cap` in percent of one processor, `budget`,
    `period`, `restart_window` and `delay` in ns, `cpus` empty for all."""

    name: str
    kernel: Path
    kind: KernelKind
    initrd: Path | None
    modules: tuple[Module, ...]
    cmdline: str
    memory: int
    vcpus: int
    kvm_signature: bool
    weight: int = 100
    cap: int | None = None
    cpus: tuple[int, ...] = ()
    exclusive: bool = False
    budget: int | None = None
    period: int | None = None
    on_crash: RestartPolicy = RestartPolicy.STOP
    on_reboot: RestartPolicy = RestartPolicy.RESTART
    on_poweroff: RestartPolicy = RestartPolicy.STOP
    restart_limit: int = 5
    restart_window: int = 60_000_000_000
    start: bool = True
    order: int = 0
    delay: int = 0
    disks: tuple[Disk, ...] = ()
    nets: tuple[Net, ...] = ()

    @property
    def files(self) -> list[Path]:
        """Everything that the archive holds for it."""
        modules = [module.file for module in self.modules]
        images = [disk.image for disk in self.disks]
        return [file for file in (self.kernel, self.initrd, *modules, *images) if file is not None]

    @property
    def host_memory(self) -> int:
        """Bytes that it takes of the machine's RAM, in runs of 2 MiB."""
        parts = [self.memory, *(disk.size for disk in self.disks if not disk.read_only)]
        return sum(-(-part // RUN) * RUN for part in parts) + len(self.nets) * PORT_BYTES


@dataclass(frozen=True)
class MachineConfig:
    """All VMs of one ISO; `file` is where they were read from."""

    file: Path
    vms: tuple[VmConfig, ...]
    networks: tuple[Network, ...] = ()

    @property
    def memory(self) -> int:
        """Bytes of RAM that the VMs have together."""
        return sum(vm.memory for vm in self.vms)

    @property
    def names(self) -> list[str]:
        return [vm.name for vm in self.vms]
