"""What devices may reach by DMA: nothing, but what their drivers map. Drivers call dma.py; units: drivers/iommu/."""
