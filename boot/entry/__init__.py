"""The image's first instructions: from 32-bit mode, or UEFI's 64-bit mode, to `start` in the top 2 GiB."""
