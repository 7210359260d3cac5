"""Drivers of the hardware that we own; each register layout is written once, here."""
