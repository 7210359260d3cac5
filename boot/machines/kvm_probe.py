"""The probe guest: a few bytes of code that enter SVM or VMX under KVM. Run as a process: status 0 if it did.

Uses KVM's own interface (Linux, Documentation/virt/kvm/api.rst): one vCPU in flat 32-bit code, 64 KiB of memory, and
an invalid instruction ends it by a triple fault, since it has no IDT.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys
from pathlib import Path

DEVICE = Path("/dev/kvm")
KVM_GET_API_VERSION, API_VERSION = 0xAE00, 12
KVM_CREATE_VM = 0xAE01
KVM_GET_VCPU_MMAP_SIZE = 0xAE04
KVM_GET_SUPPORTED_CPUID = 0xC008AE05
KVM_CREATE_VCPU = 0xAE41
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_RUN = 0xAE80
KVM_SET_REGS = 0x4090AE82
KVM_GET_SREGS, KVM_SET_SREGS = 0x8138AE83, 0x4138AE84
KVM_SET_CPUID2 = 0x4008AE90
EXIT_REASON, EXIT_HLT = 8, 5

MEMORY_BYTES = 0x10000
CODE, PAGE_DIRECTORY, HOST_AREA, CONTROL_BLOCK = 0x1000, 0x2000, 0x3000, 0x4000
CODE_SEGMENT, DATA_SEGMENT = 0x9B, 0x93
VMEXIT_HLT = 0x78
CPUID_ENTRIES = 256

ENTER_SVM = bytes.fromhex(
    "b9800000c0 0f32 0d00100000 0f30"  # EFER.SVME = 1
    "b9170101c0 31d2 b800300000 0f30"  # VM_HSAVE_PA = HOST_AREA
    "b800400000 0f01d8"  # VMRUN CONTROL_BLOCK
    "eb01 f4 f4"  # the nested guest's HLT, jumped over; HLT
)
ENTER_VMX = bytes.fromhex(
    "b93a000000 0f32 a801 7507 b805000000 0f30"  # IA32_FEATURE_CONTROL, unless locked: locked, VMX outside SMX
    "0f20e0 0d10200000 0f22e0"  # CR4.VMXE and PSE
    "b800200000 0f22d8 0f20c0 0d21000080 0f22c0"  # CR3, then CR0.PG, NE, PE
    "b980040000 0f32 a300300000 a300400000"  # IA32_VMX_BASIC: the revision goes into both regions
    "f30fc73500500000 760a"  # VMXON; on failure skip the next
    "c7050060000001000000 f4"  # RESULT = 1; HLT
)
VMXON_POINTER, RESULT = 0x5000, 0x6000


class ProbeError(Exception):
    """Why no guest can enter SVM or VMX here."""


def main() -> int:
    try:
        print(probe())
    except ProbeError as error:
        print(error)
        return 1
    except OSError as error:
        print(f"{DEVICE}: {error.strerror}")
        return 1
    return 0


def probe() -> str:
    """Words for the success; ProbeError otherwise."""
    device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    if fcntl.ioctl(device, KVM_GET_API_VERSION) != API_VERSION:
        raise ProbeError(f"{DEVICE} is not KVM")
    is_amd = "AuthenticAMD" in Path("/proc/cpuinfo").read_text()
    name = "SVM" if is_amd else "VMX"
    memory = mmap.mmap(-1, MEMORY_BYTES)
    fill_memory(memory, is_amd)
    if run_guest(device, memory) != EXIT_HLT or not entered(memory, is_amd):
        raise ProbeError(f"{DEVICE} is there, but its probe guest could not enter {name}")
    return f"a probe guest under {DEVICE} entered {name}"


def fill_memory(memory: mmap.mmap, is_amd: bool) -> None:
    """Code, and what the instruction that enters the mode reads."""
    if is_amd:
        memory[CODE : CODE + len(ENTER_SVM)] = ENTER_SVM
        memory[CONTROL_BLOCK : CONTROL_BLOCK + 4096] = control_block()
    else:
        memory[CODE : CODE + len(ENTER_VMX)] = ENTER_VMX
        struct.pack_into("<I", memory, PAGE_DIRECTORY, 0x83)  # the first 4 MiB, writable
        struct.pack_into("<Q", memory, VMXON_POINTER, HOST_AREA)


def control_block() -> bytes:
    """A VMCB (AMD manual vol. 2, appendix B) of a real-mode guest whose one instruction is the first HLT."""
    block = bytearray(4096)
    struct.pack_into("<II", block, 0x0C, 1 << 24, 1)  # intercept HLT and VMRUN
    struct.pack_into("<I", block, 0x58, 1)  # ASID
    state = 0x400
    for segment in range(4):  # ES, CS, SS, DS
        struct.pack_into("<HHIQ", block, state + 16 * segment, 0, DATA_SEGMENT, 0xFFFF, 0)
    struct.pack_into("<H", block, state + 0x12, CODE_SEGMENT)
    struct.pack_into("<Q", block, state + 0xD0, 0x1000)  # EFER.SVME
    struct.pack_into("<Q", block, state + 0x158, 0x10)  # CR0.ET
    struct.pack_into("<Q", block, state + 0x160, 0x400)  # DR7
    struct.pack_into("<Q", block, state + 0x168, 0xFFFF0FF0)  # DR6
    struct.pack_into("<Q", block, state + 0x170, 2)  # RFLAGS
    struct.pack_into("<Q", block, state + 0x178, CODE + len(ENTER_SVM) - 2)  # RIP
    return bytes(block)


def run_guest(device: int, memory: mmap.mmap) -> int:
    """KVM's exit reason after the guest's run."""
    vm = fcntl.ioctl(device, KVM_CREATE_VM, 0)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(vm, KVM_SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", 0, 0, 0, MEMORY_BYTES, address))
    vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)
    cpuid = bytearray(struct.pack("<II", CPUID_ENTRIES, 0) + bytes(40 * CPUID_ENTRIES))
    fcntl.ioctl(device, KVM_GET_SUPPORTED_CPUID, cpuid)
    fcntl.ioctl(vcpu, KVM_SET_CPUID2, cpuid)
    fcntl.ioctl(vcpu, KVM_SET_SREGS, flat_protected_mode(vcpu))
    fcntl.ioctl(vcpu, KVM_SET_REGS, struct.pack("<16Q", *[0] * 16) + struct.pack("<QQ", CODE, 2))
    state = mmap.mmap(vcpu, fcntl.ioctl(device, KVM_GET_VCPU_MMAP_SIZE))
    fcntl.ioctl(vcpu, KVM_RUN, 0)
    (reason,) = struct.unpack_from("<I", state, EXIT_REASON)
    return int(reason)


def flat_protected_mode(vcpu: int) -> bytearray:
    """struct kvm_sregs: all segments flat, CR0.PE."""
    registers = bytearray(312)
    fcntl.ioctl(vcpu, KVM_GET_SREGS, registers)
    for segment in range(6):  # CS, DS, ES, FS, GS, SS
        kind, selector = (11, 8) if segment == 0 else (3, 16)
        flat = struct.pack("<QIHBBBBBBBBBB", 0, 0xFFFFFFFF, selector, kind, 1, 0, 1, 1, 0, 1, 0, 0, 0)
        registers[24 * segment : 24 * segment + 24] = flat
    struct.pack_into("<Q", registers, 24 * 8 + 16 * 2, 0x11)  # CR0: PE, ET
    return registers


def entered(memory: mmap.mmap, is_amd: bool) -> bool:
    if is_amd:
        (code,) = struct.unpack_from("<Q", memory, CONTROL_BLOCK + 0x70)
        return bool(code == VMEXIT_HLT)
    return memory[RESULT] == 1


if __name__ == "__main__":
    sys.exit(main())
