"""Runs inside gdb, with gdb's own Python: how values of the language are shown, and names as Python has them.

Only the standard library and the module `gdb` are there. What knows of hypervisors does not belong here.
"""
