"""PCI: configuration space and what stands in it. Drivers of devices live elsewhere."""
