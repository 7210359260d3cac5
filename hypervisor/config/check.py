"""Checking a configuration: every problem at once, or the model."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hypervisor.config.image import BadKernel, KernelImage
from hypervisor.config.kernels import read_kernel
from hypervisor.config.kinds import size_text
from hypervisor.config.limits import MAX_DISKS, MAX_VCPUS_TOGETHER, MAX_VMS, MIB, PAGE, SECTOR
from hypervisor.config.machine import MachineSize, machine_problems
from hypervisor.config.manifest import DiskSource
from hypervisor.config.model import Disk, MachineConfig, Module, VmConfig
from hypervisor.config.problems import BadValue, ConfigError, Problem, shown
from hypervisor.config.processors import processor_problems
from hypervisor.config.schema import DISK_KEYS, REQUIRED, VM_KEYS, Key
from hypervisor.config.source import Source, parse_toml, read_source

DISK_TABLE = "disk"


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

    def run(self, document: dict[str, object]) -> MachineConfig:
        for name in document:
            if name != "vm":
                fix = "did you mean [[vm]]?" if looks_like(name, ["vm"]) else "leave it out; VMs stand in [[vm]] tables"
                self.report(None, name, "unknown key", fix)
        vms = [self.vm(index, table) for index, table in enumerate(self.tables(document.get("vm")))]
        self.names_differ(document.get("vm"))
        for place, what, key, fix in (*processor_problems(vms), *machine_problems(vms, self.machine)):
            self.report(place, key, what, fix)
        vcpus = sum(vm.vcpus for vm in vms if vm is not None)
        if vcpus > MAX_VCPUS_TOGETHER:
            self.report(None, "", f"{vcpus} virtual CPUs together", f"give the VMs at most {MAX_VCPUS_TOGETHER}")
        if self.problems:
            raise ConfigError(sorted(self.problems, key=lambda problem: problem.line or 0))
        return MachineConfig(self.source.path, tuple(vm for vm in vms if vm is not None))

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
        self.unknown_keys(index, table, VM_KEYS, (DISK_TABLE,))
        values = {key.name: self.value(index, table, key) for key in VM_KEYS}
        disks = self.disks(index, table.get(DISK_TABLE, []))
        kernel = values["kernel"]
        image = self.kernel(index, kernel) if isinstance(kernel, Path) else None
        if image is None or len(self.problems) > before:
            return None
        vm = VmConfig(kind=image.kind, disks=disks, **values)  # type: ignore[arg-type]  # each value was parsed by its key's kind
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
            self.report(index, f"{name}.{others[0]}", f"a disk is either this or {named[0]}", "leave one of them out")
            return None
        text = str(values[named[0]])
        if not text:
            self.report(index, f"{name}.{named[0]}", "no name", "name one; the shell's `disks` shows them")
            return None
        source = DiskSource.DISK if named[0] == "disk" else DiskSource.PARTITION
        return Disk(None, 0, values["read_only"] is True, str(values["serial"]), source, text)

    def unknown_keys(
        self,
        index: int,
        table: dict[str, object],
        keys: tuple[Key, ...],
        tables: tuple[str, ...] = (),
        prefix: str = "",
    ) -> None:
        known = [*(key.name for key in keys), *tables]
        for name in table:
            if name not in known:
                near = looks_like(name, known)
                fix = f"did you mean {near}?" if near else f"the keys are {', '.join(known)}"
                self.report(index, prefix + name, "unknown key", fix)

    def value(self, index: int, table: dict[str, object], key: Key, prefix: str = "") -> object:
        """The parsed value of one key, its default if it is left out, None after a problem."""
        if key.name not in table:
            if key.default is not REQUIRED:
                return key.default
            self.report(index, prefix + key.name, "missing", f"add a line such as {key.name} = {key.example}")
            return None
        try:
            return key.kind.parse(table[key.name], self.source.path.parent)
        except BadValue as bad:
            self.report(index, prefix + key.name, bad.what, bad.fix)
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

    def report(self, vm: int | None, key: str, what: str, fix: str) -> None:
        line = None if vm is None else self.source.line(vm, key)
        vm_text = "" if vm is None else f"vm {vm + 1}"
        self.problems.append(Problem(str(self.source.path), line, vm_text, key, what, fix))


def looks_like(name: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), known, 1)), None)


def file_sizes(initrd: Path | None, modules: tuple[Module, ...]) -> list[int]:
    return [path.stat().st_size for path in [*([initrd] if initrd else []), *(module.file for module in modules)]]


def page_up(size: int) -> int:
    return -(-size // PAGE) * PAGE


def mib(size: int) -> str:
    return f"{-(-size // MIB)} MiB"
