"""The host's processor: the state that intrinsics read and write, with no more behaviour than tests of drivers need."""

from __future__ import annotations

from collections.abc import Callable

_MASK64 = (1 << 64) - 1


class GeneralProtection(Exception):
    """What would be #GP: an unknown MSR, a reserved XCR0."""


class Halted(Exception):
    """The processor halted, and nothing is there to wake it."""


class Cpu:
    """All registers are plain integers; set them to prepare a test.

    `msrs` and `cpuid_leaves` hold what exists: other MSRs raise GeneralProtection, other leaves read as zeros.
    `on_halt` runs when the processor halts (a device may raise its interrupt there). `log` has every privileged
    act in order, as tuples that start with its name.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As long mode leaves it: paging on, interrupts off."""
        self.msrs: dict[int, int] = {0xC000_0101: 0}
        self.cpuid_leaves: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        self.cr0, self.cr2, self.cr3, self.cr4, self.cr8 = 0x8000_0011, 0, 0, 0x20, 0
        self.xcr0 = 1
        self.debug: dict[int, int] = {0: 0, 1: 0, 2: 0, 3: 0, 6: 0xFFFF_0FF0, 7: 0x400}
        self.segments: dict[str, int] = dict.fromkeys(("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldtr"), 0)
        self.gdtr = self.idtr = b"\0" * 10
        self.interrupts = False
        self.user_access = False
        self.tsc = 0
        self.tsc_step = 100
        self.on_halt: Callable[[], None] | None = None
        self.log: list[tuple[object, ...]] = []

    def rdmsr(self, msr: int) -> int:
        """GeneralProtection when it is not in `msrs`."""
        if int(msr) not in self.msrs:
            raise GeneralProtection(f"rdmsr {int(msr):#x}")
        return self.msrs[int(msr)]

    def wrmsr(self, msr: int, value: int) -> None:
        """GeneralProtection when it is not in `msrs`."""
        if int(msr) not in self.msrs:
            raise GeneralProtection(f"wrmsr {int(msr):#x}")
        self.log.append(("wrmsr", int(msr), int(value)))
        self.msrs[int(msr)] = int(value) & _MASK64

    def cpuid(self, leaf: int, subleaf: int) -> tuple[int, int, int, int]:
        """EAX, EBX, ECX, EDX; a leaf without subleaves is entered under subleaf 0."""
        leaves = self.cpuid_leaves
        return leaves.get((int(leaf), int(subleaf))) or leaves.get((int(leaf), 0)) or (0, 0, 0, 0)

    def rdtsc(self) -> int:
        """Advances by `tsc_step` per reading."""
        self.tsc = (self.tsc + self.tsc_step) & _MASK64
        return self.tsc

    def halt(self) -> None:
        """Halted when `on_halt` is not set."""
        self.log.append(("hlt",))
        if self.on_halt is None:
            raise Halted("hlt, and host.cpu.on_halt is not set")
        self.on_halt()

    def flags(self) -> int:
        """RFLAGS: the fixed bit 1 and IF."""
        return 0x2 | self.interrupts << 9

    def xsetbv(self, value: int) -> None:
        """GeneralProtection unless x87 state is enabled, and SSE with AVX (SDM vol. 1, 13.3)."""
        if not value & 1 or value & 6 == 4:
            raise GeneralProtection(f"xsetbv {value:#x}")
        self.log.append(("xsetbv", value))
        self.xcr0 = value
