"""What the BIOS and UEFI loaders share: choosing and placing an image, finding files on the medium, the memory map.

Firmware is reached only through the contracts in `firmware.py`, which `boot/bios` and `boot/uefi` implement.
"""
