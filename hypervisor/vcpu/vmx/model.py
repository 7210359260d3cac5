"""Host model of a VT-x processor's VMX instructions and VMCS memory, in plain Python, for unit tests under CPython.

It keeps the architecture's rules that software can observe: one current VMCS, launch state, read-only fields, operand
checks. It does not run guests: `enter` is a hook that a test sets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

READ_ONLY_FIELDS = 0x0400  # bits 11:10 of the encoding are 1: VM-exit information (SDM vol. 3C, 25.11.2)
FIELD_KIND = 0x0C00
NO_VMCS = (1 << 64) - 1


class Vmcs:
    """One VMCS region: what VMCLEAR leaves in memory."""

    def __init__(self) -> None:
        self.fields: dict[int, int] = {}
        self.launched = False


class VmxProcessor:
    """A logical processor with VMX. Addresses and values are the language's integers; results are VMsucceed."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As before VMXON, with no VMCS anywhere."""
        self.region: int | None = None
        self.current = NO_VMCS
        self.regions: dict[int, Vmcs] = {}
        self.absent: set[int] = set()  # fields that this CPU lacks
        self.log: list[tuple[Any, ...]] = []  # what was invalidated, cleared and loaded
        self.host_events: list[str] = []
        self.enter: Callable[[Any], int] | None = None

    @property
    def vmcs(self) -> Vmcs:
        """The current VMCS. LookupError when there is none: on hardware VMfailInvalid."""
        if self.current == NO_VMCS:
            raise LookupError("no current VMCS")
        return self.regions[self.current]

    def vmread(self, encoding: Any) -> int:
        return self.vmcs.fields.get(int(encoding), 0)

    def vmwrite(self, encoding: Any, value: Any) -> bool:
        index = int(encoding)
        if index in self.absent or index & FIELD_KIND == READ_ONLY_FIELDS:
            return False
        width = {0: 16, 1: 64, 2: 32, 3: 64}[index >> 13 & 3]
        self.vmcs.fields[index] = int(value) & ((1 << width) - 1)
        return True

    def vmxon(self, region: Any) -> bool:
        if int(region) & 0xFFF or self.region is not None:
            return False
        self.region = int(region)
        return True

    def vmclear(self, vmcs: Any) -> bool:
        address = int(vmcs)
        if address & 0xFFF or address == self.region:
            return False
        self.regions.setdefault(address, Vmcs()).launched = False
        if self.current == address:
            self.current = NO_VMCS
        self.log.append(("vmclear", address))
        return True

    def vmptrld(self, vmcs: Any) -> bool:
        address = int(vmcs)
        if address & 0xFFF or address == self.region:
            return False
        self.regions.setdefault(address, Vmcs())
        self.current = address
        self.log.append(("vmptrld", address))
        return True

    def invept(self, kind: Any, eptp: Any) -> bool:
        self.log.append(("invept", kind, int(eptp)))
        return True

    def invvpid(self, kind: Any, vpid: Any) -> bool:
        self.log.append(("invvpid", kind, int(vpid)))
        return True


PROCESSOR = VmxProcessor()
