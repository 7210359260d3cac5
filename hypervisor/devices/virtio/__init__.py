"""virtio devices of guests (virtio 1.2, over PCI, without the legacy interface)."""
