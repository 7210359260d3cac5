"""Frames and their owners, the monitor's page tables, second-level tables, checked access to guest memory."""
