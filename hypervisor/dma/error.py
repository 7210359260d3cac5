"""Why a device does not get what its driver asked for."""

from __future__ import annotations

from codegen.lang import HwEnum, u8


class DmaError(HwEnum, repr=u8, must_use=True):
    """Of `dma_attach`, `dma_map`, `dma_unmap`, `dma_detach` and `dma_withdraw`."""

    ATTACHED = 1  # the device, or one whose requests arrive with the same ID, has a driver already
    NOT_ATTACHED = 2
    NO_DOMAIN = 3  # DOMAINS_MAX, or the units have no page-table format in common
    NO_FRAME = 4  # for a table
    MISALIGNED = 5  # not whole frames, none, or more than the tables can address
    FOREIGN = 6  # not all of it is RAM of this owner, or the owner's RAM is not for devices, or is being given back
    UNIT_FAILED = 7  # a unit did not confirm: memory that was to be taken away may still be reached, so do not reuse it
    MAPPED = 8  # some of it is, already: unmap it first, as units may remember other rights
