"""Disks of the machine: one interface (command.py, disk.py), and a folder for each kind of controller."""
