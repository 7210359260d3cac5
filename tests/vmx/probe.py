"""An image that runs a tiny real-mode guest on the real VT-x back end, and says every exit on COM1."""

from __future__ import annotations

from typing import Never

from codegen.asm.flat import assemble_flat
from codegen.lang import (
    WO,
    Array,
    Hpa,
    Local,
    PortBlock,
    Reg,
    Span,
    Struct,
    at,
    cli,
    fn,
    hlt,
    len,
    phys,
    phys_span,
    ports,
    range,
    rdtsc,
    span,
    storage,
    u8,
    u16,
    u32,
    u64,
)
from drivers.interrupt.pic_driver import pic_sleep
from hypervisor.console.console import CONSOLE, console_start
from hypervisor.console.log import log
from hypervisor.cpu.features import features_start
from hypervisor.cpu.gdt import segments_start
from hypervisor.cpu.idt import idt_fill, idt_load
from hypervisor.cpu.per_cpu import CPU, per_cpu_start
from hypervisor.vcpu.contract import (
    AccessRights,
    Capability,
    second_level_invalidate,
    second_level_leaf,
    second_level_table,
    vcpu_audit_entry,
    vcpu_can_take_interrupt,
    vcpu_create,
    vcpu_read_segment,
    vcpu_request_interrupt_window,
    vcpu_reset_registers,
    vcpu_rip,
    vcpu_run,
    vcpu_set_deadline,
    vcpu_set_rflags,
    vcpu_set_rip,
    vcpu_skip_instruction,
    vcpu_write_segment,
    vendor_enable_cpu,
)
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import Vm

# All in RAM that nobody else uses; the first page table maps the guest's first 64 KiB and nothing more.
HOST_AREA = 0x0400_0000
VCPU_FRAMES = 0x0401_0000
TABLES = 0x0402_0000
RAM = 0x0440_0000
RAM_PAGES = 16
SLICE = 1_000_000  # TSC ticks
EXITS_MAX = 60
SHUTDOWN = span(b"Shutdown")

MAIN, ON_INTERRUPT, ON_UNDEFINED, ON_PROTECTION = 0x7C00, 0x7D00, 0x7D40, 0x7D80


def code(text: str, address: int) -> Span:
    """16-bit code of the guest."""
    constants = {"ON_INTERRUPT": ON_INTERRUPT, "ON_UNDEFINED": ON_UNDEFINED, "ON_PROTECTION": ON_PROTECTION}
    return span(assemble_flat(text, bits=16, address=address, constants=constants))


# RDMSR gets #GP from us; VMXON is #UD by itself in real mode. Each VMCALL says where the guest is by AL.
MAIN_CODE = code(
    """
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7000
    mov word ptr [0x100], {{ ON_INTERRUPT }}
    mov word ptr [0x102], 0
    mov word ptr [0x18], {{ ON_UNDEFINED }}
    mov word ptr [0x1a], 0
    mov word ptr [0x34], {{ ON_PROTECTION }}
    mov word ptr [0x36], 0
    xor eax, eax
    cpuid
    in al, 0x21
    mov dx, 0xcf8
    out dx, eax
    mov di, 0x6000
    mov cx, 3
    rep insb
    mov ecx, 0x10
    rdmsr
    mov al, 1
    vmcall
    wbinvd
    mov eax, cr0
    and eax, 0x9fffffff
    mov cr0, eax
    mov ax, 0x2000
    mov es, ax
    mov byte ptr es:[0x10], 5
    sti
    hlt
    cli
    .byte 0xf3, 0x0f, 0xc7, 0x36, 0, 0x50
    mov al, 3
    vmcall
    sti
    jmp spin
spin:
    jmp spin
    """,
    MAIN,
)
INTERRUPT_CODE = code("mov al, 2\nvmcall\n.byte 0xcf", ON_INTERRUPT)
UNDEFINED_CODE = code("mov bp, sp\nadd word ptr [bp], 6\nmov al, 4\nvmcall\n.byte 0xcf", ON_UNDEFINED)
PROTECTION_CODE = code("mov bp, sp\nadd word ptr [bp], 2\nmov al, 5\nvmcall\n.byte 0xcf", ON_PROTECTION)


class Table(Struct, size=4096, align=4096):
    """One level of second-level tables."""

    entries: Array[u64] = at(0, count=512)


class Power(PortBlock, size=1):
    """Bochs' port 8900: it ends when "Shutdown" has been written."""

    data: Reg[u8] = at(0, access=WO)


VM = storage(Vm)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    per_cpu_start(u32(0))
    own = CPU.here()
    segments_start(own.gdt, own.task_state)
    idt_fill()
    idt_load()
    console_start(True)
    CONSOLE.synchronous = True
    features_start()
    pic_sleep(u8(0x20))
    missing = vendor_enable_cpu(Hpa(HOST_AREA))
    log(f"missing {missing}")
    if missing == Capability.PRESENT:
        vcpu = VCPUS[0]
        vcpu.vm = VM
        make_tables()
        vcpu_create(vcpu, Hpa(VCPU_FRAMES), Hpa(TABLES))
        run_guest(vcpu)
        break_rules(vcpu)
    log("end of probe")
    for i in range(len(SHUTDOWN)):
        ports(Power, u16(0x8900)).data.write(SHUTDOWN[i])
    while True:
        cli()
        hlt()


@fn
def make_tables() -> None:
    """The guest's first 64 KiB are RAM."""
    for i in range(u64(3)):
        table = phys(Table, Hpa(TABLES) + i * 4096)
        table.entries[0] = second_level_table(Hpa(TABLES) + (i + 1) * 4096)
    leaves = phys(Table, Hpa(TABLES) + 3 * 4096)
    for i in range(u64(RAM_PAGES)):
        leaves.entries[i] = second_level_leaf(Hpa(RAM) + i * 4096, AccessRights.READ_WRITE_EXECUTE, u32(1))
    second_level_invalidate(Hpa(TABLES))
    place(u64(MAIN), MAIN_CODE)
    place(u64(ON_INTERRUPT), INTERRUPT_CODE)
    place(u64(ON_UNDEFINED), UNDEFINED_CODE)
    place(u64(ON_PROTECTION), PROTECTION_CODE)


@fn
def place(address: u64, content: Span) -> None:
    phys_span(Hpa(RAM) + address, u64(len(content))).copy_from(content)


@fn
def run_guest(vcpu: Vcpu) -> None:
    """Until the preemption timer ends its last loop, or something unexpected comes."""
    segment = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, segment)
    segment.selector = 0
    segment.base = 0
    vcpu_write_segment(vcpu, SegmentName.CS, segment)
    vcpu_set_rip(vcpu, u64(MAIN))
    for _ in range(EXITS_MAX):
        vcpu_set_deadline(vcpu, rdtsc() + SLICE)
        kind = vcpu_run(vcpu)
        log(f"exit {kind} at {vcpu_rip(vcpu):#x} al {vcpu.regs.rax & 0xFF}")
        if not answer(vcpu, kind):
            return


@fn
def answer(vcpu: Vcpu, kind: ExitKind) -> bool:
    """False ends the run."""
    match kind:
        case ExitKind.CPUID | ExitKind.HYPERCALL | ExitKind.WBINVD:
            vcpu_skip_instruction(vcpu)
        case ExitKind.PORT:
            port = vcpu.exit.port
            log(f"port {port.port:#x} width {port.width} in {port.is_in} string {port.is_string}")
            vcpu_skip_instruction(vcpu)
        case ExitKind.RDMSR:
            vcpu.pending = Event(vector=u8(13), type=EventType.EXCEPTION, has_error=True, valid=True)
        case ExitKind.CR_ACCESS:
            access = vcpu.exit.control_register
            log(f"register {access.register} write {access.is_write} gpr {access.gpr}")
            vcpu_skip_instruction(vcpu)
        case ExitKind.GUEST_MEMORY:
            log(f"memory {vcpu.exit.gpa:#x} linear {vcpu.exit.gva:#x} write {vcpu.exit.cause.write}")
            leaves = phys(Table, Hpa(TABLES) + 3 * 4096)
            leaves.entries[0x20] = second_level_leaf(Hpa(RAM) + 0xF000, AccessRights.READ_WRITE, u32(1))
        case ExitKind.HLT:
            vcpu_skip_instruction(vcpu)
            log(f"can take an interrupt: {vcpu_can_take_interrupt(vcpu)}")
            vcpu.pending = Event(vector=u8(0x40), type=EventType.INTERRUPT, valid=True)
        case ExitKind.PREEMPTION:
            vcpu_request_interrupt_window(vcpu, True)
        case ExitKind.INTERRUPT_WINDOW:
            return False
        case _:
            log(f"unexpected: reason {vcpu.exit.hardware_reason:#x} qualification {vcpu.exit.qualification:#x}")
            vcpu_audit_entry(vcpu)
            return False
    return True


@fn
def break_rules(vcpu: Vcpu) -> None:
    """States that the processor refuses: the auditor must name what it refused."""
    segment = Local(Segment)
    vcpu_reset_registers(vcpu)
    vcpu_read_segment(vcpu, SegmentName.DS, segment)
    segment.rights = SegmentRights.of(u32(0x92))
    vcpu_write_segment(vcpu, SegmentName.DS, segment)
    run_broken(vcpu)
    vcpu_reset_registers(vcpu)
    vcpu_set_rip(vcpu, u64(1) << 32)
    run_broken(vcpu)
    vcpu_reset_registers(vcpu)
    vcpu_set_rflags(vcpu, u64(2))
    vcpu.pending = Event(vector=u8(0x40), type=EventType.INTERRUPT, valid=True)
    run_broken(vcpu)


@fn
def run_broken(vcpu: Vcpu) -> None:
    vcpu_set_deadline(vcpu, rdtsc() + SLICE)
    kind = vcpu_run(vcpu)
    log(f"exit {kind}")
    if kind == ExitKind.ENTRY_FAILED:
        vcpu_audit_entry(vcpu)
