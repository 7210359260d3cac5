"""Networks between guests: a learning switch whose ports are guests' devices, and later the machine's cards. What a
device does with its queues stands in hypervisor/devices/virtio/, what a VM does with its ports in hypervisor/vm/."""
