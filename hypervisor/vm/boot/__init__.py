"""The protocols by which a VM's first instruction finds its kernel, its command line and its memory map."""
