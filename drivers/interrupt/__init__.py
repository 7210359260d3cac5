"""Interrupt controllers: their registers, which guests' chips in `hypervisor/devices` imitate, and their drivers."""
