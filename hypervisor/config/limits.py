"""How much one configuration may hold; exceeding a limit is an error that names it."""

MIB = 1 << 20
GIB = 1 << 30

MAX_VMS = 16
MAX_VCPUS = 1
"""Virtual CPUs of one VM."""
MAX_MODULES = 16
"""Multiboot modules of one VM."""
MAX_NAME_BYTES = 31
"""A VM's name, in ASCII; the manifest's cell has one byte more for the terminating zero."""
MAX_CMDLINE_BYTES = 2047
"""A kernel's command line or a module's arguments, in UTF-8 (Linux: COMMAND_LINE_SIZE - 1)."""
MIN_MEMORY = 1 * MIB
MAX_MEMORY = 512 * GIB
MAX_CONFIG_BYTES = 1 * MIB
MAX_FILE_BYTES = 1 * GIB
"""A kernel, an initrd or a module."""
