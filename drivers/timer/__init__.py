"""Timers and clocks of the PC: their registers, which guests' chips in `hypervisor/devices` imitate, and their drivers."""
