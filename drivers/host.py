"""What drivers want of whoever runs them: memory that their device reaches, and the time."""

from __future__ import annotations

from codegen.lang import Hpa, contract, u16, u64


@contract
def device_memory(requester: u16, size: u64, limit: u64) -> Hpa | None:  # pyright: ignore[reportReturnType]
    """Memory for the driver's life: `size` bytes, zero, in one piece from the beginning of a page on, all of it below
    `limit`, that the driver reads and writes through `phys`, and the device by the same addresses. None when no such
    memory is left. `requester`: the device's requester ID in segment 0 (drivers/pci/address.py)."""
    ...


@contract
def moment() -> u64:  # pyright: ignore[reportReturnType]
    """ns since some moment long ago; never less than before."""
    ...
