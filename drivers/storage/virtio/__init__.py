"""Disks behind virtio block devices (virtio 1.2, 5.2): start, connect, submit, collect, tick."""
