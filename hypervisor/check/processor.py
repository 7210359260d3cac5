"""The CPU: who made it, what guests need of it, and what its speculation leaves open."""

from __future__ import annotations

from codegen.lang import Array, Local, Span, Struct, at, count, cpuid, fn, range, span, span_of, u8, u32
from hypervisor.check.line import missing, used
from hypervisor.check.processors import check_others
from hypervisor.console.log import log
from hypervisor.cpu.features import FEATURES, words_for
from hypervisor.cpu.mitigation_table import Action
from hypervisor.cpu.mitigations import is_chosen
from hypervisor.vcpu.contract import Capability, vendor_missing_capability

BRAND_LEAVES = 0x8000_0002
NOTHING = span(b"")


class Brand(Struct, size=48, align=4):
    """The processor's name for people (CPUID 80000002H to 80000004H)."""

    words: Array[u32] = at(0, count=12)


class Name(Struct):
    """The same, without what no screen shows."""

    text: Array[u8] = count(48)


@fn(cold=True)
def check_processor() -> None:
    """One line each; the capabilities that guests cannot do without come last."""
    say_name()
    check_others()
    modern = FEATURES.x2apic and FEATURES.tsc_deadline
    feature(span(b"x2APIC and TSC deadline"), modern, span(b"the older way serves as well"))
    feature(span(b"invariant TSC"), FEATURES.invariant_tsc, span(b"clocks may drift when the CPU saves power"))
    feature(span(b"SMEP and SMAP"), FEATURES.smep and FEATURES.smap, span(b"one protection less"))
    if is_chosen(Action.UNPROTECTED):
        missing(span(b"remedies for speculation"), span(b"update the firmware"))
    else:
        used(span(b"remedies for speculation"), NOTHING)
    check_virtualization(vendor_missing_capability())


@fn(cold=True)
def feature(name: Span, present: bool, without: Span) -> None:
    """Something that Keelback uses and can do without."""
    if present:
        used(name, NOTHING)
    else:
        missing(name, without)


@fn(cold=True)
def check_virtualization(lacking: Capability) -> None:
    """Back ends look for these in this order, so that what stands behind the first that is missing is not known."""
    known = required(span(b"VT-x or AMD-V"), Capability.VIRTUALIZATION, lacking)
    known = known and required(span(b"the firmware's permission"), Capability.FIRMWARE_LOCK, lacking)
    known = known and required(span(b"second-level paging"), Capability.SECOND_LEVEL_PAGING, lacking)
    known = known and required(span(b"unrestricted guests"), Capability.UNRESTRICTED_GUEST, lacking)
    known = known and required(span(b"controls for guests"), Capability.TRUE_CONTROLS, lacking)
    if FEATURES.xsave:
        used(span(b"XSAVE"), NOTHING)
    else:
        missing(span(b"XSAVE"), words_for(Capability.XSAVE))
    if not known:
        log("the rest of virtualization: not examined, it needs what is missing above")


@fn(cold=True)
def required(name: Span, capability: Capability, lacking: Capability) -> bool:
    """Something without which there are no guests. False when it is what this machine lacks."""
    if capability == lacking:
        missing(name, words_for(capability))
        return False
    used(name, NOTHING)
    return True


@fn(cold=True)
def say_name() -> None:
    """The brand string, or the signature of a CPU without one."""
    if FEATURES.highest_extended < BRAND_LEAVES + 2:
        log(f"check of this machine: CPU {FEATURES.signature:#x}")
        return
    brand = Local(Brand)
    for leaf in range(u32(3)):
        eax, ebx, ecx, edx = cpuid(BRAND_LEAVES + leaf, u32(0))
        brand.words[leaf * 4] = eax
        brand.words[leaf * 4 + 1] = ebx
        brand.words[leaf * 4 + 2] = ecx
        brand.words[leaf * 4 + 3] = edx
    name = Local(Name)
    length = printable(span_of(brand), name)
    log(f"check of this machine: {span_of(name).slice(0, length)}")


@fn(cold=True)
def printable(source: Span, into: Name) -> u32:
    """Copy the ASCII characters up to the first NUL, without blanks at both ends. Their number."""
    length = u32(0)
    last = u32(0)
    for i in range(u32(48)):
        byte = source[i]
        if byte == 0:
            break
        if byte >= 0x20 and byte < 0x7F and (byte != 0x20 or length > 0):
            into.text[length] = byte
            length += 1
            if byte != 0x20:
                last = length
    return last
