"""The way in through UEFI: BOOTX64.EFI, which is our language too (UEFI specification 2.10)."""
