"""Guests for the tests and the example: Debian's own kernels, unmodified, and an initramfs made from busybox-static.

Here belongs fetching and packing, on the user's host and with the standard library only (set-up runs it).
`rootfs/` is the initramfs' own part, file by file.
"""
