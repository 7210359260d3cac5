from dataclasses import replace
from pathlib import Path

from codegen.lang import sizeof
from hypervisor.config.limits import MAX_CMDLINE_BYTES, MAX_MODULES, MAX_NAME_BYTES, MAX_VMS
from hypervisor.config.manifest import NO_FILE, GuestProtocol, ManifestDisk, ManifestHeader, ManifestVm
from hypervisor.config.model import Disk, KernelKind, MachineConfig, Module, VmConfig
from hypervisor.config.pack import FIRST_FILE, pack_manifest

LINUX = VmConfig("one", Path("/a/vmlinuz"), KernelKind.LINUX, Path("/a/initrd"), (), "console=ttyS0", 64 << 20, 1, True)
MACH = VmConfig(
    "two",
    Path("/a/mach"),
    KernelKind.MULTIBOOT_ELF32,
    None,
    (Module(Path("/a/initrd"), "--root"), Module(Path("/a/exec"), "")),
    "",
    32 << 20,
    1,
    False,
)


def number(data: bytes, offset: int, width: int = 4) -> int:
    return int.from_bytes(data[offset : offset + width], "little")


def text(manifest: bytes, offset: int) -> bytes:
    return manifest[offset : manifest.index(0, offset)]


def test_manifest_names_every_file_once_and_in_the_archives_order() -> None:
    manifest, files = pack_manifest(MachineConfig(Path("x.toml"), (LINUX, MACH)))
    assert files == [Path("/a/vmlinuz"), Path("/a/initrd"), Path("/a/mach"), Path("/a/exec")]
    size = sizeof(ManifestVm)
    one, two = manifest[32 : 32 + size], manifest[32 + size : 32 + 2 * size]
    assert number(one, ManifestVm.kernel.offset) == FIRST_FILE
    assert number(one, ManifestVm.initrd.offset) == FIRST_FILE + 1
    assert number(two, ManifestVm.initrd.offset) == NO_FILE
    modules = ManifestVm.modules.offset
    assert [number(two, modules + 8 * i) for i in range(2)] == [FIRST_FILE + 1, FIRST_FILE + 3]


def test_manifest_carries_what_the_configuration_says() -> None:
    manifest, _ = pack_manifest(MachineConfig(Path("x.toml"), (LINUX, MACH)))
    assert number(manifest, ManifestHeader.vm_count.offset) == 2
    assert number(manifest, ManifestHeader.total_size.offset, 8) == len(manifest)
    size = sizeof(ManifestVm)
    one, two = manifest[32 : 32 + size], manifest[32 + size : 32 + 2 * size]
    assert number(one, ManifestVm.memory.offset, 8) == 64 << 20
    assert number(one, ManifestVm.protocol.offset) == GuestProtocol.LINUX.value
    assert number(two, ManifestVm.protocol.offset) == GuestProtocol.MULTIBOOT.value
    assert (number(one, ManifestVm.flags.offset), number(two, ManifestVm.flags.offset)) == (1, 0)
    assert text(one, ManifestVm.name.offset) == b"one"
    assert text(manifest, number(one, ManifestVm.command_line.offset)) == b"console=ttyS0"
    assert number(two, ManifestVm.module_count.offset) == 2
    assert text(manifest, number(two, ManifestVm.modules.offset + 4)) == b"--root"


def test_largest_configuration_fits() -> None:
    module = Module(Path("/a/m"), "m" * MAX_CMDLINE_BYTES)
    full = VmConfig(
        "n" * MAX_NAME_BYTES,
        Path("/a/k"),
        KernelKind.MULTIBOOT_ELF64,
        None,
        (module,) * MAX_MODULES,
        "c" * MAX_CMDLINE_BYTES,
        1 << 39,
        1,
        True,
    )
    manifest, files = pack_manifest(MachineConfig(Path("x.toml"), (full,) * MAX_VMS))
    last = manifest[32 + sizeof(ManifestVm) * (MAX_VMS - 1) :]
    assert len(files) == 2
    assert text(manifest, number(last, ManifestVm.modules.offset + 8 * (MAX_MODULES - 1) + 4)) == b"m" * 2047


def test_manifest_carries_what_a_vm_has_of_the_processors() -> None:
    plain = replace(LINUX, weight=7, cap=150, cpus=(0, 3), exclusive=True)
    realtime = replace(LINUX, budget=2_000_000, period=10_000_000)
    manifest, _ = pack_manifest(MachineConfig(Path("x.toml"), (plain, realtime)))
    size = sizeof(ManifestVm)
    one, two = manifest[32 : 32 + size], manifest[32 + size : 32 + 2 * size]
    fields = [(ManifestVm.weight, 4), (ManifestVm.cap, 4), (ManifestVm.cpus, 8), (ManifestVm.flags, 4)]
    assert [number(one, field.offset, width) for field, width in fields] == [7, 150, 0b1001, 3]
    assert [number(two, field.offset, width) for field, width in fields] == [100, 0, 0, 1]
    assert [number(two, field.offset, 8) for field in (ManifestVm.budget, ManifestVm.period)] == [2_000_000, 10_000_000]


def test_disks_share_the_files_of_the_archive() -> None:
    disks = (Disk(Path("/a/initrd"), 1 << 20, True, "shared"), Disk(None, 3 << 20, False, ""))
    manifest, files = pack_manifest(MachineConfig(Path("x.toml"), (replace(LINUX, disks=disks),)))
    assert files == [Path("/a/vmlinuz"), Path("/a/initrd")]
    one = manifest[32 : 32 + sizeof(ManifestVm)]
    assert number(one, ManifestVm.disk_count.offset) == 2
    first = one[ManifestVm.disks.offset :]
    second = first[sizeof(ManifestDisk) :]
    assert [number(each, ManifestDisk.size.offset, 8) for each in (first, second)] == [1 << 20, 3 << 20]
    assert [number(each, ManifestDisk.file.offset) for each in (first, second)] == [FIRST_FILE + 1, NO_FILE]
    assert [number(each, ManifestDisk.flags.offset) for each in (first, second)] == [1, 0]
    assert text(first, ManifestDisk.serial.offset) == b"shared" and text(second, ManifestDisk.serial.offset) == b""
