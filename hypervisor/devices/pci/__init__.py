"""The guest's PCI bus: configuration space, windows in memory, and interrupts of the functions on it."""
