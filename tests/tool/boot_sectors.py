"""Tiny boot sectors that talk on COM1: what the test machines run when the machine itself is under test."""

from pathlib import Path

from codegen.asm.flat import assemble_flat

SECTOR = 512
DISK_BYTES = 4 << 20

ECHO = """
    xor ax, ax
    mov ds, ax
    mov dx, 0x3fb
    mov al, 3  /* 8 data bits, no parity, 1 stop bit: Bochs' UART starts with 5 */
    out dx, al
    cld
    call print
    .byte {{ text }}, 0
print:
    pop si
next:
    lodsb
    test al, al
    je echo
    call send
    jmp next
echo:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    je echo
    mov dx, 0x3f8
    in al, dx
    call send
    jmp echo
send:
    mov ah, al
    mov dx, 0x3fd
wait:
    in al, dx
    test al, 0x20
    je wait
    mov al, ah
    mov dx, 0x3f8
    out dx, al
    ret
"""


def echo_disk(folder: Path, text: bytes) -> Path:
    """A disk whose boot sector prints `text`, then sends back what it receives."""
    code = assemble_flat(ECHO, bits=16, address=0x7C00, constants={"text": ", ".join(map(str, text))})
    assert len(code) <= SECTOR - 2
    disk = folder / "echo.img"
    disk.write_bytes((code.ljust(SECTOR - 2, b"\0") + b"\x55\xaa").ljust(DISK_BYTES, b"\0"))
    return disk
