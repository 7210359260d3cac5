"""One file per kind of exit."""
