"""The guest that counts: a multiboot 1 kernel that puts each operation between two readings of the TSC."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Never

from boot.load.serial import start_serial, write_serial_text
from codegen.back.target import LOADER
from codegen.lang import WO, Array, Hpa, PortBlock, Reg, Struct, at, fn, phys, ports, range, static, stub, u8, u16, u32
from codegen.link.flat import FlatLayout
from codegen.program import Sources, build_flat
from drivers.interrupt.lapic import LAPIC_BASE
from drivers.interrupt.pic import PIC_MASTER_PORT
from hypervisor.devices.acpi.layout import PM1_CONTROL, SLEEP_TYPE_S5

BASE = 0x10_0000
STACK = 0x18_0000
RESULTS = 0x20_0000
PAGES = 0x40_0000  # untouched so far: one for each sample
SAMPLES = 64
MARK = b"bench "

HEADER_MAGIC, HAS_ADDRESSES = 0x1BADB002, 1 << 16
SLEEP_ENABLE = 1 << 13

# Preparation, then the operation itself. EAX is 0 before it, and EBX, ECX, EDX are free.
OPERATIONS = {
    "empty": ("", ""),
    "cpuid": ("", "cpuid"),
    "port-read": ("", f"in al, {PIC_MASTER_PORT + 1:#x}"),
    "rdmsr": ("mov ecx, 0x1b", "rdmsr"),
    "hypercall": ("", ""),  # the vendor's own
    "lapic-mmio": ("", f"mov eax, dword ptr [{LAPIC_BASE + 0x20:#x}]"),
    "first-touch": ("mov ebx, ebp\nshl ebx, 12", f"mov eax, dword ptr [ebx + {PAGES:#x}]"),
}
HYPERCALLS = {"vt-x": ".byte 0x0f, 0x01, 0xc1", "amd-v": ".byte 0x0f, 0x01, 0xd9"}  # VMCALL, VMMCALL

PAYLOAD = """
    .long {{ magic }}
    .long {{ flags }}
    .long {{ checksum }}
    .long {{ base }}, {{ base }}, 0, {{ stack }}, {{ base + 32 }}
    rdtsc
    mov esp, {{ stack }}
    mov dword ptr [{{ results - 8 }}], eax
    mov dword ptr [{{ results - 4 }}], edx
    mov edi, {{ results }}
    {% for prepare, operation in operations %}
    mov ebp, {{ samples }}
sample_{{ loop.index }}:
    {{ prepare }}
    rdtsc
    mov esi, eax
    xor eax, eax
    {{ operation }}
    rdtsc
    sub eax, esi
    mov dword ptr [edi], eax
    add edi, 4
    dec ebp
    jnz sample_{{ loop.index }}
    {% endfor %}
    {{ jmp("bench_report") }}
"""


class Results(Struct, size=8 + 4 * SAMPLES * len(OPERATIONS)):
    """What the payload leaves: the TSC at its first instruction, then the samples."""

    first: Array[u32] = at(0, count=2)
    samples: Array[u32] = at(8, count=SAMPLES * len(OPERATIONS))


class PowerControl(PortBlock, size=2):
    """PM1 control of our ACPI tables."""

    control: Reg[u16] = at(0, access=WO)


@fn
def say_hex(value: u32) -> None:
    for i in range(u32(8)):
        digit = u8.trunc(value >> (28 - i * 4) & 0xF)
        write_serial_text(digit + 48 if digit < 10 else digit + 87)
    write_serial_text(u8(32))


@fn
def begin_line() -> None:
    for byte in static(tuple(MARK)):
        write_serial_text(u8(static(byte)))


@fn(export="bench_report")
def bench_report() -> Never:
    """One line for each operation, each sample in hexadecimal; the first line is the TSC at the start. Powers off."""
    start_serial()
    results = phys(Results, Hpa(RESULTS - 8))
    begin_line()
    say_hex(results.first[1])
    say_hex(results.first[0])
    write_serial_text(u8(10))
    for operation in range(u32(static(len(OPERATIONS)))):
        begin_line()
        for sample in range(u32(SAMPLES)):
            say_hex(results.samples[operation * SAMPLES + sample])
        write_serial_text(u8(10))
    while True:
        ports(PowerControl, u16(PM1_CONTROL)).control.write(u16(SLEEP_TYPE_S5 << 10 | SLEEP_ENABLE))


def build_payload(vendor: str, output: Path) -> Path:
    """The kernel for a monitor on `vendor` ("vt-x" or "amd-v"): a file with the addresses in its multiboot header."""
    operations = OPERATIONS | {"hypercall": ("", HYPERCALLS[vendor])}
    start: Any = stub(
        PAYLOAD,
        externals=("bench_report",),
        bits=32,
        section=".text.start",
        constants={
            "magic": HEADER_MAGIC,
            "flags": HAS_ADDRESSES,
            "checksum": -(HEADER_MAGIC + HAS_ADDRESSES) & 0xFFFF_FFFF,
            "base": BASE,
            "stack": STACK,
            "results": RESULTS,
            "samples": SAMPLES,
            "operations": tuple(operations.values()),
        },
    )(bench_start)
    modules = [module for name, module in sys.modules.items() if name.startswith(("boot.load.", "drivers."))]
    report: Any = bench_report
    sources = Sources([start, report], modules, LOADER, debug=False)
    image = build_flat(sources, FlatLayout(BASE, STACK, start.symbol, STACK - BASE), output.with_suffix(".elf"))
    output.write_bytes(image.code)
    return output


def bench_start() -> Never: ...
