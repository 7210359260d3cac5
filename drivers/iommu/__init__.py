"""IOMMUs: VT-d and AMD-Vi. What a device may reach is decided in hypervisor/dma/; here is how a unit is told."""
