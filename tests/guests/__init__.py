"""Guest kernels in our own language: multiboot 1, vendor-neutral, one line `guest: PASS name` per promise on COM1.

Here belongs what a guest sees of its virtual machine. Nothing here imports a back end: both hosts run the same file.
"""
