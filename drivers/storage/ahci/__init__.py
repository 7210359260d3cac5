"""The driver of AHCI controllers with SATA disks. What disks say and are told is that of drivers/storage/ata."""
