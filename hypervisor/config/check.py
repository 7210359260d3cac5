"""Checking a configuration: every problem at once, or the model."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hypervisor.config.image import BadKernel, KernelImage
from hypervisor.config.kernels import read_kernel
from hypervisor.config.kinds import size_text
from hypervisor.config.limits import (
    MAX_DISKS,
    MAX_NETS,
    MAX_NETWORKS,
    MAX_VCPUS_TOGETHER,
    MAX_VMS,
    MIB,
    PAGE,
    SECTOR,
)
from hypervisor.config.machine import MachineSize, machine_problems
from hypervisor.config.manifest import DiskSource
from hypervisor.config.model import Disk, MachineConfig, Module, Net, Network, VmConfig
from hypervisor.config.networks import derived_mac, network_problems
from hypervisor.config.problems import BadValue, ConfigError, Problem, shown
from hypervisor.config.processors import processor_problems
from hypervisor.config.schema import DISK_KEYS, NET_KEYS, NETWORK_KEYS, REQUIRED, VM_KEYS, Key
from hypervisor.config.source import Source, parse_toml, read_source

DISK_TABLE, NET_TABLE, NETWORK_TABLE = "disk", "net", "network"


UNKNOWN_MACHINE = MachineSize()


def load_config(path: Path, machine: MachineSize = UNKNOWN_MACHINE) -> MachineConfig:
    """The checked configuration; ConfigError with all problems, on `machine` as far as it is known."""
    source = read_source(path)
    return Check(source, machine).run(parse_toml(source))


@dataclass
class Check:
    """One pass over a document, collecting problems."""

    source: Source
    machine: MachineSize = UNKNOWN_MACHINE
    problems: list[Problem] = field(default_factory=list)
    by_name: dict[str, Network] = field(default_factory=dict)

    def run(self, document: dict[str, object]) -> MachineConfig:
        for name in document:
            if name not in ("vm", NETWORK_TABLE):
                near = looks_like(name, ["vm", NETWORK_TABLE])
                fix = f"did you mean [[{near}]]?" if near else "leave it out; VMs stand in [[vm]] tables"
                self.report(None, name, "unknown key", fix)
        networks = self.networks(document.get(NETWORK_TABLE, []))
        self.by_name = {network.name: network for network in networks if network is not None}
        vms = [self.vm(index, table) for index, table in enumerate(self.tables(document.get("vm")))]
        self.names_differ(document.get("vm"))
        found = (*processor_problems(vms), *machine_problems(vms, self.machine), *network_problems(networks, vms))
        for place, what, key, fix in found:
            self.report(place, key, what, fix)
        vcpus = sum(vm.vcpus for vm in vms if vm is not None)
        if vcpus > MAX_VCPUS_TOGETHER:
            self.report(None, "", f"{vcpus} virtual CPUs together", f"give the VMs at most {MAX_VCPUS_TOGETHER}")
        if self.problems:
            raise ConfigError(sorted(self.problems, key=lambda problem: problem.line or 0))
        known = tuple(network for network in networks if network is not None)
        return MachineConfig(self.source.path, tuple(vm for vm in vms if vm is not None), known)

    def tables(self, value: object) -> Iterable[dict[str, object]]:
        """The [[vm]] tables, if that is what the document holds under `vm`."""
        if not isinstance(value, list) or not value or not all(isinstance(table, dict) for table in value):
            what = "there is no VM" if value is None or value == [] else "vm is no list of tables"
            self.report(None, "", what, "begin each VM with a line [[vm]]")
            return []
        if len(value) > MAX_VMS:
            self.report(None, "", f"{len(value)} VMs", f"write at most {MAX_VMS}")
        return value

    def vm(self, index: int, table: dict[str, object]) -> VmConfig | None:
        """One VM; None if it has a problem."""
        before = len(self.problems)
        self.unknown_keys(index, table, VM_KEYS, (DISK_TABLE, NET_TABLE))
        values = {key.name: self.value(index, table, key) for key in VM_KEYS}
        disks = self.disks(index, table.get(DISK_TABLE, []))
        nets = self.nets(index, table.get(NET_TABLE, []), str(values["name"]))
        kernel = values["kernel"]
        image = self.kernel(index, kernel) if isinstance(kernel, Path) else None
        if image is None or len(self.problems) > before:
            return None
        vm = VmConfig(kind=image.kind, disks=disks, nets=nets, **values)  # type: ignore[arg-type]  # each value was parsed by its key's kind
        self.fits(index, vm, image)
        return vm

    def disks(self, index: int, value: object) -> tuple[Disk, ...]:
        """The [[vm.disk]] tables of a VM; those without a problem."""
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self.report(index, DISK_TABLE, "no list of tables", "begin each disk with a line [[vm.disk]]")
            return ()
        if len(value) > MAX_DISKS:
            self.report(index, f"{DISK_TABLE} {MAX_DISKS + 1}", f"{len(value)} disks", f"write at most {MAX_DISKS}")
        disks = (self.disk(index, table, f"{DISK_TABLE} {number}") for number, table in enumerate(value, 1))
        return tuple(disk for disk in disks if disk is not None)

    def disk(self, index: int, table: dict[str, object], name: str) -> Disk | None:
        """One disk; None if it has a problem."""
        before = len(self.problems)
        prefix = f"{name}."
        self.unknown_keys(index, table, DISK_KEYS, prefix=prefix)
        values = {key.name: self.value(index, table, key, prefix) for key in DISK_KEYS}
        if len(self.problems) > before:
            return None
        named = [key for key in ("disk", "partition") if values[key] is not None]
        if named:
            return self.machine_disk(index, name, named, values)
        image, size, read_only = values["image"], values["size"], values["read_only"]
        content = image.stat().st_size if isinstance(image, Path) else 0
        if image is None and (size is None or read_only):
            fix = f"add a line such as image = {DISK_KEYS[0].example}"
            self.report(index, name, "no image", fix if read_only else f"{fix} or size = {DISK_KEYS[1].example}")
        elif read_only and (size is not None or content % SECTOR):
            what = (
                f"{content} bytes are no multiple of a sector of {SECTOR}" if size is None else "has its image's size"
            )
            fix = "fill the image up" if size is None else "leave size out"
            self.report(index, prefix + ("image" if size is None else "size"), what, fix)
        elif isinstance(size, int) and size < content:
            what = f'"{size_text(size)}" is less than the image, which has {content} bytes'
            self.report(index, f"{prefix}size", what, "raise it, or leave it out")
        if len(self.problems) > before:
            return None
        whole = size if isinstance(size, int) else -(-content // SECTOR) * SECTOR
        return Disk(image if isinstance(image, Path) else None, whole, read_only is True, str(values["serial"]))

    def machine_disk(self, index: int, name: str, named: list[str], values: dict[str, object]) -> Disk | None:
        """One that is a disk or a partition of the machine; None if it has a problem."""
        others = [key for key in ("image", "size", *named[1:]) if values[key] is not None]
        if others:
            what = f"{named[0]} names another place for the disk"
            self.report(index, f"{name}.{others[0]}", what, "leave one of them out")
            return None
        text = str(values[named[0]])
        if not text:
            self.report(index, f"{name}.{named[0]}", "no name", "name one; the shell's `disks` shows them")
            return None
        source = DiskSource.DISK if named[0] == "disk" else DiskSource.PARTITION
        return Disk(None, 0, values["read_only"] is True, str(values["serial"]), source, text)

    def networks(self, value: object) -> list[Network | None]:
        """The [[network]] tables; None for one with a problem."""
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self.report(None, NETWORK_TABLE, "no list of tables", "begin each network with a line [[network]]")
            return []
        if len(value) > MAX_NETWORKS:
            self.report(None, NETWORK_TABLE, f"{len(value)} networks", f"write at most {MAX_NETWORKS}")
        networks: list[Network | None] = []
        for index, table in enumerate(value):
            before = len(self.problems)
            self.unknown_keys(index, table, NETWORK_KEYS, of=NETWORK_TABLE)
            values = {key.name: self.value(index, table, key, of=NETWORK_TABLE) for key in NETWORK_KEYS}
            if any(other is not None and other.name == values["name"] for other in networks):
                what = f"{shown(values['name'])} is used twice"
                self.report(index, "name", what, "give each network a name of its own", NETWORK_TABLE)
            sound = len(self.problems) == before
            networks.append(Network(**values) if sound else None)  # type: ignore[arg-type]  # as in `vm`
        return networks

    def nets(self, index: int, value: object, vm: str) -> tuple[Net, ...]:
        """The [[vm.net]] tables of the VM with this name; those without a problem."""
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self.report(index, NET_TABLE, "no list of tables", "begin each network device with a line [[vm.net]]")
            return ()
        if len(value) > MAX_NETS:
            what = f"{len(value)} network devices"
            self.report(index, f"{NET_TABLE} {MAX_NETS + 1}", what, f"write at most {MAX_NETS}")
        nets = (self.net(index, table, number, vm) for number, table in enumerate(value, 1))
        return tuple(net for net in nets if net is not None)

    def net(self, index: int, table: dict[str, object], number: int, vm: str) -> Net | None:
        """One network device; None if it has a problem. What it leaves out is its network's."""
        before = len(self.problems)
        prefix = f"{NET_TABLE} {number}."
        self.unknown_keys(index, table, NET_KEYS, prefix=prefix)
        values = {key.name: self.value(index, table, key, prefix) for key in NET_KEYS}
        vlan, vlans = values["vlan"], values["vlans"]
        if isinstance(vlans, tuple) and vlan in vlans:
            what = f"VLAN {vlan} is in vlans, too: its frames cannot be with and without a tag"
            self.report(index, f"{prefix}vlan", what, "leave it out of one of them")
        if len(self.problems) > before:
            return None
        network = self.by_name.get(str(values["network"]))
        if values["vlan"] is None and not vlans:
            values["vlan"] = 0
        if values["mac"] is None:
            values["mac"] = derived_mac(vm, number)
        if network is not None:
            values["rate"] = values["rate"] or network.rate
            values["burst"] = values["burst"] or network.burst
        return Net(**values)  # type: ignore[arg-type]  # as in `vm`

    def unknown_keys(
        self,
        index: int,
        table: dict[str, object],
        keys: tuple[Key, ...],
        tables: tuple[str, ...] = (),
        prefix: str = "",
        of: str = "vm",
    ) -> None:
        known = [*(key.name for key in keys), *tables]
        for name in table:
            if name not in known:
                near = looks_like(name, known)
                fix = f"did you mean {near}?" if near else f"the keys are {', '.join(known)}"
                self.report(index, prefix + name, "unknown key", fix, of)

    def value(self, index: int, table: dict[str, object], key: Key, prefix: str = "", of: str = "vm") -> object:
        """The parsed value of one key, its default if it is left out, None after a problem."""
        if key.name not in table:
            if key.default is not REQUIRED:
                return key.default
            self.report(index, prefix + key.name, "missing", f"add a line such as {key.name} = {key.example}", of)
            return None
        try:
            return key.kind.parse(table[key.name], self.source.path.parent)
        except BadValue as bad:
            self.report(index, prefix + key.name, bad.what, bad.fix, of)
            return None

    def kernel(self, index: int, path: Path) -> KernelImage | None:
        try:
            return read_kernel(path)
        except BadKernel as bad:
            self.report(index, "kernel", f"{shown(str(path))} {bad}", "name a kernel that can be booted")
            return None

    def fits(self, index: int, vm: VmConfig, image: KernelImage) -> None:
        """The kernel's protocol takes what it is given, and all of it fits into the VM's memory."""
        if vm.kind.is_multiboot and vm.initrd is not None:
            self.report(index, "initrd", "a multiboot kernel takes no initrd", f'write modules = ["{vm.initrd.name}"]')
        if vm.modules and not vm.kind.is_multiboot:
            self.report(index, "modules", "a Linux kernel takes no modules", "use initrd, or leave it out")
        length = len(vm.cmdline.encode())
        if length > image.max_cmdline:
            self.report(index, "cmdline", f"{length} bytes", f"this kernel takes at most {image.max_cmdline} bytes")
        needed = image.end + sum(page_up(size) for size in file_sizes(vm.initrd, vm.modules))
        if needed > vm.memory:
            parts = f"the kernel needs {mib(image.end)}"
            parts += f", with its initrd or modules {mib(needed)}" if needed > image.end else ""
            self.report(
                index,
                "memory",
                f'"{size_text(vm.memory)}" is too little: {parts}',
                f'write at least "{-(-needed // (16 * MIB)) * 16}M"',
            )

    def names_differ(self, value: object) -> None:
        tables = value if isinstance(value, list) else []
        seen: dict[str, int] = {}
        for index, table in enumerate(tables):
            name = table.get("name") if isinstance(table, dict) else None
            if not isinstance(name, str):
                continue
            if name in seen:
                line = self.source.line(seen[name], "name")
                what = f"{shown(name)} is used twice" + (f" (first in line {line})" if line else "")
                self.report(index, "name", what, "give each VM a name of its own")
            seen.setdefault(name, index)

    def report(self, index: int | None, key: str, what: str, fix: str, of: str = "vm") -> None:
        """At a key of the `of` table with this index, or of none."""
        line = None
        if index is not None:
            line = self.source.line(index, key) if of == "vm" else self.source.network_line(index, key)
        vm_text = "" if index is None else f"{of} {index + 1}"
        self.problems.append(Problem(str(self.source.path), line, vm_text, key, what, fix))


def looks_like(name: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), known, 1)), None)


def file_sizes(initrd: Path | None, modules: tuple[Module, ...]) -> list[int]:
    return [path.stat().st_size for path in [*([initrd] if initrd else []), *(module.file for module in modules)]]


def page_up(size: int) -> int:
    return -(-size // PAGE) * PAGE


def mib(size: int) -> str:
    return f"{-(-size // MIB)} MiB"
