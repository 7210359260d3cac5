"""Timers and clocks of the PC: registers, which the chips in `hypervisor/devices` imitate for guests, and drivers."""
