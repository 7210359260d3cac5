"""What the monitor answers when a guest leaves: one list, one file per kind of exit."""
