"""Numbers that the guest's ACPI tables, its chips and its memory map share."""

from __future__ import annotations

TABLES = 0xE_0000  # guest-physical: the RSDP, then the tables
TABLES_END = 0xF_0000
MP_TABLES = 0xF_0000  # guests search the last 64 KiB below 1 MiB for them

PM1_EVENT = 0x600  # status, enable: 2 bytes each
PM1_CONTROL = 0x604
PM_TIMER = 0x608
PM_BLOCK_SIZE = 12
RESET_PORT = 0xCF9
RESET_VALUE = 0x0E  # full reset through CF9H
SLEEP_TYPE_S5 = 5

LOCAL_APIC = 0xFEE0_0000
IO_APIC = 0xFEC0_0000
PCI_MEMORY_FIRST = 0xC000_0000
PCI_MEMORY_LAST = 0xFEBF_FFFF
