import mmap
import time
from pathlib import Path

import pytest

from boot.machines import kvm_probe
from boot.machines.emulator import start
from boot.machines.kvm import nested_kvm
from boot.machines.machine import MIB, Drive, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from codegen.asm.flat import assemble_flat

SECTORS = 40
FIRST = 0x1000

LOADER = """
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    mov ax, 0x200 + {{ sectors }}
    mov bx, {{ first }}
    mov cx, 2
    mov dh, 0
    int 0x13
    call gdt_end
    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
pointer:
    .word 23
    .long 0x7c00 + {{ gdt }}
gdt_end:
    pop bx
    mov bx, 0x7c00 + {{ gdt }} + 24
    lgdt [bx]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    ljmp 8:flat
.code32
flat:
    mov ax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, {{ first }}
    jmp eax
"""

REPORT = """
    mov ecx, dword ptr [ebx]
    mov ah, 0x6e
    cmp ecx, {{ expected }}
    jne say
    mov ah, 0x79
say:
    mov dx, 0x3fb
    mov al, 3
    out dx, al
    mov dx, 0x3f8
    mov al, 0x3d
    out dx, al
    mov al, ah
    out dx, al
stop:
    hlt
    jmp stop
"""


def disk_of(folder: Path, is_amd: bool) -> Path:
    """The probe's memory behind a sector that loads it; in place of its last HLT it says "=y" or "=n" on COM1."""
    memory = mmap.mmap(-1, kvm_probe.MEMORY_BYTES)
    kvm_probe.fill_memory(memory, is_amd)
    code = kvm_probe.ENTER_SVM if is_amd else kvm_probe.ENTER_VMX
    place, expected = (kvm_probe.CONTROL_BLOCK + 0x70, kvm_probe.VMEXIT_HLT) if is_amd else (kvm_probe.RESULT, 1)
    end = kvm_probe.CODE + len(code) - 1
    report = b"\xbb" + place.to_bytes(4, "little")
    report += assemble_flat(REPORT, bits=32, address=end + 5, constants={"expected": expected})
    memory[end : end + len(report)] = report
    disk = folder / "probe.img"
    disk.write_bytes((loader().ljust(510, b"\0") + b"\x55\xaa" + memory[FIRST:]).ljust(4 << 20, b"\0"))
    return disk


def loader() -> bytes:
    """Assembled twice: where the descriptors lie is known only from the first time."""
    constants = {"sectors": SECTORS, "first": FIRST, "gdt": 0}
    found = assemble_flat(LOADER, bits=16, address=0x7C00, constants=constants).index(bytes.fromhex("ffff0000009bcf00"))
    return assemble_flat(LOADER, bits=16, address=0x7C00, constants=constants | {"gdt": found - 8})


@pytest.mark.parametrize("host", ["qemu", "bochs"])
def test_probe_guest_enters_svm_on_qemu_and_vmx_on_bochs(host: str, tmp_path: Path) -> None:
    disk = disk_of(tmp_path, is_amd=host == "qemu")
    machine = Machine(Host(host), iso=disk, drive=Drive.DISK, memory=64 * MIB)
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"=y"), deadline=time.monotonic() + 30)
        assert session.run() is Outcome.FOUND, session.tail()


def test_probe_answers_in_words_whatever_this_machine_is() -> None:
    usable, reason = nested_kvm()
    assert isinstance(usable, bool)
    assert "/dev/kvm" in reason
