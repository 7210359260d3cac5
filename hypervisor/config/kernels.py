"""What a kernel file is, by its content, and where it wants to lie in guest memory. The file is hostile input."""

from pathlib import Path

from hypervisor.config.bzimage import read_bzimage
from hypervisor.config.image import BadKernel, KernelImage
from hypervisor.config.multiboot import read_multiboot

COMPRESSED = {
    b"\x1f\x8b": "gzip: run gunzip on it",
    b"\xfd7zXZ": "xz: run unxz on it",
    b"\x28\xb5\x2f\xfd": "zstd: run unzstd on it",
    b"BZh": "bzip2: run bunzip2 on it",
}


def read_kernel(path: Path) -> KernelImage:
    """The kernel in the file; BadKernel if it is of no known kind, or broken."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadKernel(f"cannot be read ({error.strerror})") from None
    for magic, remedy in COMPRESSED.items():
        if data.startswith(magic):
            raise BadKernel(f"is compressed with {remedy}")
    image = read_bzimage(data) or read_multiboot(data)
    if image is None:
        kind = "an ELF file without a multiboot 1 header" if data.startswith(b"\x7fELF") else "of no known kind"
        raise BadKernel(f"is {kind} (a kernel is a Linux bzImage or has a multiboot 1 header in its first 8 KiB)")
    return image
