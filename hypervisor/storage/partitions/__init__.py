"""GUID partition tables of the machine's disks (UEFI 2.10, chapter 5)."""
