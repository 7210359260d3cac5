"""The PS/2 keyboard and its controller."""
