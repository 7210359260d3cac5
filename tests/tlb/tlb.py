"""What processors may have cached of guests' translations, and what each flush drops of it, from the manuals alone.

A real TLB forgets at any moment. This one never does unless it is told to, and caches whatever it may at every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from codegen.lang import Hpa, bind, host, u32, u64
from hypervisor.vcpu.svm.entry import svm_enter
from hypervisor.vcpu.svm.model import PROCESSOR as SVM_PROCESSOR
from hypervisor.vcpu.svm.state import SVM, control_of
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.enable import vendor_enable_cpu
from hypervisor.vcpu.vmx.entry import vmx_enter
from hypervisor.vcpu.vmx.exit_reason import ExitReason
from hypervisor.vcpu.vmx.instructions import InveptKind, InvvpidKind
from hypervisor.vcpu.vmx.model import NO_VMCS
from hypervisor.vcpu.vmx.model import PROCESSOR as VMX_PROCESSOR
from tests.vmx.conftest import CPUID, SKYLAKE

FRAME_BITS = 0x000F_FFFF_FFFF_F000
READ, WRITE, EXECUTE = 1, 2, 4
INTERRUPT = 0x60  # exit code: a host interrupt
ASIDS = 4  # 1 to 3 for guests: they run out often


class RefusedError(Exception):
    """VMRUN with an ASID that the processor does not have."""


@dataclass(frozen=True)
class Cached:
    """`linear` is None for a translation of a guest-physical page. A tag that the hardware lacks is None."""

    space: int | None  # VPID or ASID
    root: int | None
    linear: int | None
    physical: int
    frame: int
    rights: int


Tlb = set[Cached]
Entered = Callable[[Any], None]


def walk(root: int, page: int, rights_of: Callable[[int], int]) -> tuple[int, int] | None:
    """The frame and the rights of guest-physical page number `page`, in 4 KiB leaves."""
    table = root
    for level in (3, 2, 1, 0):
        place = table + 8 * (page >> 9 * level & 511)
        entry = int.from_bytes(host.memory.read(Hpa(u64(place)), 8), "little")
        if entry == 0:
            return None
        table = entry & FRAME_BITS
    return table, rights_of(entry)


@dataclass
class VtX:
    """SDM vol. 3C, 29.4: linear (combined) translations have VPID and EP4TA, guest-physical ones EP4TA alone."""

    package = "hypervisor.vcpu.vmx"
    tlbs: list[Tlb]
    current: list[int] = field(default_factory=list)
    cpu: int = 0

    def start(self, entered: Entered) -> None:
        self.current = [NO_VMCS for _ in self.tlbs]
        VMX_PROCESSOR.reset()
        host.cpu.msrs.update(SKYLAKE)
        host.cpu.cpuid_leaves.update(CPUID)
        host.cpu.segments.update(cs=0x08, ss=0x10, tr=0x28)
        vendor_enable_cpu(host.memory.allocate(4096))
        VMX_PROCESSOR.invept = self.invept  # type: ignore[method-assign]
        VMX_PROCESSOR.invvpid = self.invvpid  # type: ignore[method-assign]

        def enter(vcpu: Any) -> Any:
            entered(vcpu)
            return u32(ExitReason.PREEMPTION_TIMER)

        bind(vmx_enter, enter)

    def stop(self) -> None:
        bind(vmx_enter, None)
        del VMX_PROCESSOR.invept, VMX_PROCESSOR.invvpid

    def move_to(self, cpu: int) -> None:
        self.current[self.cpu] = VMX_PROCESSOR.current
        self.cpu = cpu
        VMX_PROCESSOR.current = self.current[cpu]

    def invept(self, kind: Any, eptp: Any) -> bool:
        root = int(eptp) & FRAME_BITS
        self.drop(lambda one: kind == InveptKind.ALL_CONTEXTS or one.root == root)
        return True

    def invvpid(self, kind: Any, vpid: Any) -> bool:
        space = int(vpid)
        self.drop(lambda one: one.linear is not None and (kind == InvvpidKind.ALL_CONTEXTS or one.space == space))
        return True

    def drop(self, gone: Callable[[Cached], bool]) -> None:
        tlb = self.tlbs[self.cpu]
        tlb -= {one for one in tlb if gone(one)}

    def at_entry(self, vcpu: Any) -> None:
        """VMRESUME drops nothing of a guest with a VPID."""

    def tags(self, vcpu: Any) -> tuple[int, int]:
        held = VMX_PROCESSOR.vmcs.fields
        return held[fields.VPID.encoding], held[fields.EPT_POINTER.encoding] & FRAME_BITS

    def new(self, vcpu: Any, linear: int | None, physical: int, frame: int, rights: int) -> Cached:
        vpid, root = self.tags(vcpu)
        return Cached(None if linear is None else vpid, root, linear, physical, frame, rights)

    def usable(self, vcpu: Any) -> Iterator[Cached]:
        vpid, root = self.tags(vcpu)
        return (one for one in self.tlbs[self.cpu] if one.root == root and one.space in (None, vpid))

    def garbage(self, root: int) -> Iterator[Cached]:
        """What an earlier monitor may have left."""
        for page in range(4):
            yield Cached(None, root, None, page, 0xBAD000, 7)
            yield from (Cached(vpid, root, page, page, 0xBAD000, 7) for vpid in range(1, 6))

    @staticmethod
    def rights(entry: int) -> int:
        return entry & 7


@dataclass
class AmdV:
    """APM vol. 2, 15.16 and 15.25: everything has an ASID, nothing says by which nested tables it was made."""

    package = "hypervisor.vcpu.svm"
    tlbs: list[Tlb]
    by_asid: bool = True
    cpu: int = 0

    def start(self, entered: Entered) -> None:
        SVM_PROCESSOR.reset()
        host.cpu.cpuid_leaves[(1, 0)] = (0x0080_0F12, 0, 1 << 26, 0)
        SVM.next_rip, SVM.flush_by_asid, SVM.asids = True, self.by_asid, ASIDS

        def enter(vcpu: Any) -> None:
            entered(vcpu)
            control_of(vcpu).exit_code = INTERRUPT

        bind(svm_enter, enter)

    def stop(self) -> None:
        bind(svm_enter, None)

    def move_to(self, cpu: int) -> None:
        self.cpu = cpu

    def at_entry(self, vcpu: Any) -> None:
        control, tlb = control_of(vcpu), self.tlbs[self.cpu]
        if not 0 < int(control.asid) < ASIDS:
            raise RefusedError
        match int(control.tlb_control):
            case 0:
                pass
            case 1:
                tlb.clear()
            case 3 if self.by_asid:
                tlb -= {one for one in tlb if one.space == int(control.asid)}
            case other:
                raise AssertionError(f"TLB control {other}")

    def new(self, vcpu: Any, linear: int | None, physical: int, frame: int, rights: int) -> Cached:
        return Cached(int(control_of(vcpu).asid), None, linear, physical, frame, rights)

    def usable(self, vcpu: Any) -> Iterator[Cached]:
        asid = int(control_of(vcpu).asid)
        return (one for one in self.tlbs[self.cpu] if one.space == asid)

    def garbage(self, root: int) -> Iterator[Cached]:
        for asid in range(1, ASIDS):
            yield from (Cached(asid, None, linear, 0, 0xBAD000, 7) for linear in (None, 0, 1))

    @staticmethod
    def rights(entry: int) -> int:
        return READ | (WRITE if entry & 2 else 0) | (0 if entry >> 63 else EXECUTE)
