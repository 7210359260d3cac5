"""Which lines of ring-0 Python ran, over CPython, native and guest runs: `build.py coverage`."""
