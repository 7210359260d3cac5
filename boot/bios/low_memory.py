"""Where the BIOS loader lives below 1 MiB. Everything here is free again once the monitor has copied BootInfo.

0x0600   DISK_PACKET   disk address packet and drive parameters of INT 13h
0x7C00   BOOT_SECTOR   the firmware puts us here; the stack grows down from here
0x8000   STAGE2        real-mode part, then the compiled loader (30 KiB, what the ISO's system area holds)
0x10000  LOADER_BSS    its zeroed data: BootInfo, directory sectors
0x30000  LOADER_STACK  top of the 32-bit stack
0x40000  BOUNCE        64 KiB that INT 13h reads into; does not cross a 64 KiB line, as ISA DMA wants
"""

DISK_PACKET = 0x600
DRIVE_PARAMETERS = 0x620
BOOT_SECTOR = 0x7C00
STAGE2 = 0x8000
REAL_MODE_SIZE = 0x400
LOADER_CODE = STAGE2 + REAL_MODE_SIZE
STAGE2_SIZE = 0x7800
LOADER_BSS = 0x10000
LOADER_STACK = 0x30000
BOUNCE = 0x40000
BOUNCE_SIZE = 0x10000

STAGE2_SIGNATURE = 0x32424B7F  # first four bytes of stage 2: 7F "KB2"
