"""ATA: what all ATA disks have in common (commands, identification, task files), and the driver of IDE controllers with
bus-master DMA. SATA disks behind an AHCI controller have a driver of their own (drivers/storage/ahci)."""
