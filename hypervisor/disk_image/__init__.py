"""Images of disks, made and read on the host: `build.py disk`."""
