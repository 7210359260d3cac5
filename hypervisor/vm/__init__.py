"""A virtual machine: its memory map, its life, and the protocols that boot its kernel."""
