"""Python to ring-0 machine code. Knows nothing of hypervisors; imports none of the other top-level packages."""
