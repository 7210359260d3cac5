"""A rule of the manual: its section, its sentence, and a check of the current VMCS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.lang import Span, fn, span, u32, u64
from hypervisor.vcpu.vmx.state import FEATURES


@dataclass(frozen=True)
class Rule:
    """`holds` reads the current VMCS and changes nothing."""

    section: Span
    sentence: Span
    holds: Callable[[], bool]


def rule(section: str, sentence: str) -> Callable[[Callable[[], bool]], Rule]:
    """The check below stands for `sentence` in `section` of SDM vol. 3C."""
    return lambda check: Rule(span(section.encode()), span(sentence.encode()), check)


def rules_of(namespace: dict[str, Any]) -> tuple[Rule, ...]:
    """The rules of a module, in the order of the file."""
    return tuple(thing for thing in namespace.values() if isinstance(thing, Rule))


@fn
def settable(capability: u64, value: u32) -> bool:
    """Whether a capability MSR allows `value`: what must be 1 is, what must be 0 is too (appendix A.3)."""
    return u64(value) & ~(capability >> 32) == 0 and u32.trunc(capability) & ~value == 0


@fn
def canonical(address: u64) -> bool:
    """Bits 63:47 are all equal."""
    return address.wrapping_add(1 << 47) < 1 << 48


@fn
def physical(address: u64, alignment: u64) -> bool:
    """Aligned (a power of two), and within the physical-address width."""
    return address & (FEATURES.reserved_address | (alignment - 1)) == 0


@fn
def pat_is_valid(pat: u64) -> bool:
    """Each byte is 0 (UC), 1 (WC), 4 (WT), 5 (WP), 6 (WB) or 7 (UC-): no bit above 2, and not 2 or 3."""
    middle = pat & 0x0202_0202_0202_0202
    return pat & 0xF8F8_F8F8_F8F8_F8F8 == 0 and (middle << 1) & ~pat == 0
