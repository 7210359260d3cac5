"""A guest of a dozen instructions, below 4 GiB and without paging, so that none of its addresses is the monitor's."""

import struct
from pathlib import Path

from codegen.asm.flat import assemble_flat

BASE = 0x20_0000
HEADER_BYTES = 32
ENTRY = BASE + HEADER_BYTES
MAGIC, ADDRESSES_VALID = 0x1BADB002, 1 << 16
VALUE = 0x1234_5678

TEXT = """
again:
    mov ebx, {{ VALUE }}
    mov eax, 1                      /* a leaf with values of its vCPU */
    xor ecx, ecx
    cpuid
    mov edx, 0x80
    mov al, 0x5a
    out dx, al
    jmp again
"""


def write_guest(folder: Path) -> Path:
    """A configuration of one VM that runs it."""
    code = assemble_flat(TEXT, bits=32, address=ENTRY, constants={"VALUE": VALUE})
    checksum = -(MAGIC + ADDRESSES_VALID) & 0xFFFF_FFFF
    end = ENTRY + len(code)
    header = struct.pack("<8I", MAGIC, ADDRESSES_VALID, checksum, BASE, BASE, end, end, ENTRY)
    (folder / "kernel").write_bytes(header + code)
    config = folder / "debugged.toml"
    config.write_text('[[vm]]\nname = "debugged"\nkernel = "kernel"\ncmdline = ""\nmemory = "16M"\nvcpus = 1\n')
    return config
