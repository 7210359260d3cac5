"""Order of memory accesses, caches, the TLB, and the gate to user pages."""

from __future__ import annotations

from codegen.lang import host
from codegen.lang.addresses import Hva
from codegen.lang.routines import intrinsic


@intrinsic("mfence", "~{memory}")
def mfence() -> None:
    """Loads and stores before it are visible before those after it."""


@intrinsic("lfence", "~{memory}")
def lfence() -> None:
    """Everything before it has completed before anything after it starts."""


@intrinsic("sfence", "~{memory}")
def sfence() -> None:
    """Stores before it are visible before those after it."""


@intrinsic("clflush ($0)", "r,~{memory}")
def clflush(address: Hva) -> None:
    """Write back and drop the cache line of `address`."""
    host.cpu.log.append(("clflush", int(address)))


@intrinsic("wbinvd", "~{memory}")
def wbinvd() -> None:
    """Write back and drop all caches."""
    host.cpu.log.append(("wbinvd",))


@intrinsic("invlpg ($0)", "r,~{memory}")
def invlpg(address: Hva) -> None:
    """Drop the TLB entries of the page of `address`."""
    host.cpu.log.append(("invlpg", int(address)))


@intrinsic("stac", "~{memory}")
def stac() -> None:
    """Supervisor accesses to user pages allowed (SMAP)."""
    host.cpu.user_access = True


@intrinsic("clac", "~{memory}")
def clac() -> None:
    """Supervisor accesses to user pages refused (SMAP)."""
    host.cpu.user_access = False
