"""The boot sector: one 2048-byte sector that starts from CD (El Torito, no emulation), disk and USB stick alike.

As CD the firmware loads all of it, as disk only 512 bytes, of which 446..511 are the partition table: so the code keeps
to bytes 64..445. Bytes 3..61 stay free, because some firmware writes a BIOS parameter block there; what the sector
knows (drive, sector size, TSC) it leaves for stage 2 in `BootSector`, which lies in the same place.
"""

from __future__ import annotations

from boot.bios.low_memory import BOOT_SECTOR, DISK_PACKET, DRIVE_PARAMETERS, STAGE2, STAGE2_SIGNATURE, STAGE2_SIZE
from codegen.asm.flat import assemble_flat
from codegen.lang import Field, Struct, at, u8, u32, u64

SECTOR_SIZE = 2048
CODE_END = 446


class BootSector(Struct, size=64):
    """What the sector leaves for stage 2, at BOOT_SECTOR."""

    entry_tsc: Field[u64] = at(8)
    sector_size: Field[u32] = at(16)  # bytes: 2048 on CD, 512 on disks
    drive: Field[u8] = at(20)  # INT 13h number
    loaded_tsc: Field[u64] = at(24)  # stage 2 is read: nearly all since the entry was the firmware's


TEXT = """
.code16
    jmp entry                       /* two bytes */
    .skip 62
entry:
    cli
    xor bx, bx
    mov ds, bx
    mov es, bx
    mov ss, bx
    mov sp, {{ origin }}
    ljmp 0:flat                     /* some firmware starts us at 07C0:0000 */
flat:
    sti
    cld
    mov byte ptr [{{ drive }}], dl
    rdtsc
    mov dword ptr [{{ tsc }}], eax
    mov dword ptr [{{ tsc }} + 4], edx

    mov si, {{ parameters }}        /* INT 13h AH=48h: the sector size is the word at 24 */
    mov word ptr [si], 30
    mov word ptr [si + 24], 0
    mov ah, 0x48
    mov dl, byte ptr [{{ drive }}]
    int 0x13
    mov cx, 60                      /* stage 2 follows our own 2048 bytes: 60 sectors of 512 from the fourth */
    mov bx, 4
    mov ax, 512
    cmp word ptr [{{ parameters }} + 24], 2048
    jne read
    mov cx, 15                      /* or 15 sectors of 2048 from the first */
    mov bx, 1
    mov ax, 2048
read:
    mov word ptr [{{ sector_size }}], ax
    mov word ptr [{{ sector_size }} + 2], 0
    mov si, {{ packet }}
    mov dword ptr [si], 0x10
    mov word ptr [si + 2], cx
    mov word ptr [si + 4], {{ stage2 }}
    mov word ptr [si + 6], 0
    mov word ptr [si + 8], bx
    mov word ptr [si + 10], 0
    mov dword ptr [si + 12], 0
    mov di, 3                       /* a drive that was just spun up may fail at first */
again:
    mov word ptr [si + 2], cx       /* the firmware overwrites the count */
    mov ah, 0x42
    mov dl, byte ptr [{{ drive }}]
    int 0x13
    jnc loaded
    xor ah, ah
    mov dl, byte ptr [{{ drive }}]
    int 0x13
    dec di
    jnz again
    mov si, read_failed
    jmp say
loaded:
    mov si, damaged
    cmp dword ptr [{{ stage2 }}], {{ signature }}
    jne say
    rdtsc
    mov dword ptr [{{ loaded }}], eax
    mov dword ptr [{{ loaded }} + 4], edx
    ljmp 0:{{ stage2 + 4 }}

say:
    mov dx, 0x3fb                   /* COM1: 8 data bits, and let the firmware's speed stand */
    mov al, 3
    out dx, al
next:
    lodsb
    test al, al
    jz stop
    mov ah, al
    mov dx, 0x3fd
busy:
    in al, dx                       /* an absent UART reads FF: never busy */
    test al, 0x20
    jz busy
    mov al, ah
    mov dx, 0x3f8
    out dx, al
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    jmp next
stop:
    hlt
    jmp stop
read_failed:
    .asciz "Keelback: cannot read the boot drive. Write the medium again, or use another port.\\r\\n"
damaged:
    .asciz "Keelback: the loader is damaged. Write the medium again.\\r\\n"
"""


def build_boot_sector() -> bytes:
    """The sector, 2048 bytes, with the signature of a boot record at 510."""
    code = assemble_flat(
        TEXT,
        bits=16,
        address=BOOT_SECTOR,
        constants={
            "origin": BOOT_SECTOR,
            "drive": BOOT_SECTOR + BootSector.drive.offset,
            "tsc": BOOT_SECTOR + BootSector.entry_tsc.offset,
            "loaded": BOOT_SECTOR + BootSector.loaded_tsc.offset,
            "sector_size": BOOT_SECTOR + BootSector.sector_size.offset,
            "parameters": DRIVE_PARAMETERS,
            "packet": DISK_PACKET,
            "stage2": STAGE2,
            "signature": STAGE2_SIGNATURE,
        },
    )
    if len(code) > CODE_END:
        raise ValueError(f"the boot sector's code has {len(code)} bytes; {CODE_END} fit before the partition table")
    assert STAGE2_SIZE == 60 * 512 == 15 * 2048
    return code.ljust(510, b"\0") + b"\x55\xaa" + bytes(SECTOR_SIZE - 512)
