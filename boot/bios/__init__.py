"""The way in through a PC BIOS: boot sector, real-mode part, and the loader proper (stage 2, in our language)."""
