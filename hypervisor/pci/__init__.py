"""The machine's PCI buses, taken over at the start: which windows are used, what is silenced, what is said of it."""
