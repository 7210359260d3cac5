"""The log ring and where it goes; the guests' consoles on the real one."""
