"""What stands where in the one window of memory that a virtio function has: each part in a page of its own use."""

from __future__ import annotations

WINDOW_BYTES = 0x4000
COMMON_AT, COMMON_BYTES = 0x000, 0x38
ISR_AT = 0x100
CONFIGURATION_AT, CONFIGURATION_BYTES = 0x200, 0x100  # the device type's own
NOTIFY_AT, NOTIFY_STRIDE = 0x1000, 4  # a page of notify registers, one for each queue
TABLE_AT, PENDING_AT = 0x2000, 0x2800  # of MSI-X
VECTORS = 8
