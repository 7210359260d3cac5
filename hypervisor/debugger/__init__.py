"""Runs inside gdb, with gdb's own Python: commands that know the monitor's structures (`help kb`).

Only the standard library, `gdb` and `codegen.debugger` are there; nothing here is in an image.
"""
