"""The manifest in the archive: which VMs to make."""

from __future__ import annotations

from boot.info import FileKind
from codegen.lang import Span, fn, min, range, sizeof, u32, usize
from hypervisor.archive import archive_file, archive_next
from hypervisor.config.manifest import DISKS_MAX, MANIFEST_MAGIC, VMS_MAX, DiskSource, ManifestHeader, ManifestVm


@fn
def manifest_bytes() -> Span | None:
    """The manifest's bytes; None when the archive has none."""
    number = archive_next(FileKind.MANIFEST, u32(0))
    if number is None:
        return None
    return archive_file(number)


@fn
def manifest_vm_count() -> u32:
    """How many VMs the manifest names, at most VMS_MAX; 0 without a manifest of this version."""
    manifest = manifest_bytes()
    if manifest is None:
        return u32(0)
    header = manifest.view(usize(0), ManifestHeader)
    if header is None or header.magic != MANIFEST_MAGIC:
        return u32(0)
    return min(header.vm_count, u32(VMS_MAX))


@fn(cold=True)
def manifest_names_disks() -> bool:
    """Whether a VM has a disk of the machine. Else those are left alone."""
    for i in range(manifest_vm_count()):
        entry = manifest_vm(i)
        if entry is not None:
            for place in range(min(entry.disk_count, u32(DISKS_MAX))):
                if entry.disks[place].flags.source != DiskSource.MEMORY:
                    return True
    return False


@fn
def manifest_vm(index: u32) -> ManifestVm | None:
    """The entry of VM `index`."""
    if index >= manifest_vm_count():
        return None
    manifest = manifest_bytes()
    if manifest is None:
        return None
    return manifest.view(usize(sizeof(ManifestHeader)) + usize(index) * sizeof(ManifestVm), ManifestVm)
