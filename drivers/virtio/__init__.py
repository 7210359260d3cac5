"""virtio (Virtual I/O Device, version 1.2): the layouts that drivers and devices of it share."""
