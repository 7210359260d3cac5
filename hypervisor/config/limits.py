"""How much one configuration may hold; exceeding a limit is an error that names it."""

from hypervisor.config.manifest import (
    DISKS_MAX,
    MODULES_MAX,
    NAME_BYTES,
    NETS_MAX,
    NETWORKS_MAX,
    RESTARTS_MAX,
    SERIAL_BYTES,
    TEXT_BYTES,
    VLANS_MAX,
    VMS_MAX,
)

MIB = 1 << 20
GIB = 1 << 30
PAGE = 4096

MAX_VMS = VMS_MAX
MAX_VCPUS_TOGETHER = 64
"""Virtual CPUs of all VMs: the monitor's pool (hypervisor/vcpu/pool.py)."""
MAX_VCPUS = MAX_VCPUS_TOGETHER
"""Virtual CPUs of one VM, which may have the whole pool; its tables (hypervisor/devices/) name up to 255."""
MAX_MODULES = MODULES_MAX
"""Multiboot modules of one VM."""
MAX_DISKS = DISKS_MAX
"""Disks of one VM."""
MAX_SERIAL_BYTES = SERIAL_BYTES
MAX_DISK_NAME_BYTES = 36  # of a partition, in a GUID partition table
"""A disk's serial number, in ASCII (virtio 1.2, 5.2.6.1)."""
SECTOR = 512
"""A disk's size is a multiple of it."""
MAX_NETS = NETS_MAX
"""Network devices of one VM."""
MAX_NETWORKS = NETWORKS_MAX
MAX_VLANS = VLANS_MAX
"""VLANs whose frames a network device sends and gets with a tag."""
MAX_VLAN = 4094
"""The highest number of a VLAN (IEEE 802.1Q, 9.6)."""
MIN_MTU, MAX_MTU = 576, 9000
"""Bytes of a packet; the least is IPv4's (RFC 791, 3.2)."""
MIN_BURST = 72 << 10
"""A frame that is cut later counts whole when it is sent, and has up to 64 KiB."""
MAX_RATE = 8 << 30
"""Bytes a second (hypervisor/net/bucket.py)."""
MAX_NAME_BYTES = NAME_BYTES - 1
"""A VM's name, in ASCII."""
MAX_CMDLINE_BYTES = TEXT_BYTES - 1
"""A kernel's command line or a module's arguments, in UTF-8 (Linux: COMMAND_LINE_SIZE - 1)."""
MAX_CPUS = 64
"""Processors of the machine (hypervisor/cpu/per_cpu.py)."""
MAX_WEIGHT = 10_000
MIN_PERIOD_NS = 100_000
MAX_PERIOD_NS = 1_000_000_000
"""Of a real-time VM (hypervisor/sched/realtime.py)."""
MAX_RESTARTS = RESTARTS_MAX
"""Restarts that the monitor remembers of a VM."""
MAX_WAIT_NS = 3_600_000_000_000
"""Between the starts of two VMs; and the longest time over which restarts are counted."""
MAX_ORDER = 1_000
MIN_MEMORY = 1 * MIB
MAX_MEMORY = 512 * GIB
MAX_CONFIG_BYTES = 1 * MIB
MAX_FILE_BYTES = 1 * GIB
"""A kernel, an initrd, a module or a disk image."""
