"""Standard intrinsics: the host model does what the instruction does, and every template assembles."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import codegen.lang.intrinsics as intrinsics
from codegen.lang import (
    Array,
    Field,
    Hva,
    IntrinsicFn,
    Local,
    Routine,
    Struct,
    address_of,
    at,
    count,
    fn,
    host,
    storage,
    u8,
    u16,
    u32,
    u64,
)


class Operand(Struct, size=16, align=1):
    limit: Field[u16] = at(0)
    base: Field[u64] = at(2)


class Area(Struct, align=64):
    bytes: Array[u8] = count(1024)


@fn
def load_tables(limit: u16) -> None:
    operand = Local(Operand)
    operand.limit = limit
    intrinsics.lgdt(address_of(operand))
    intrinsics.lidt(address_of(operand))


def test_registers_keep_what_is_written() -> None:
    for number in (0, 2, 3, 4, 8):
        getattr(intrinsics, f"write_cr{number}")(u64(number + 0x1000))
        assert getattr(intrinsics, f"read_cr{number}")() == number + 0x1000 == getattr(host.cpu, f"cr{number}")
    for number in (0, 1, 2, 3, 6, 7):
        getattr(intrinsics, f"write_dr{number}")(u64(number))
        assert getattr(intrinsics, f"read_dr{number}")() == number
    for name in ("cs", "ds", "es", "fs", "gs", "ss"):
        getattr(intrinsics, f"write_{name}")(u16(8))
        assert getattr(intrinsics, f"read_{name}")() == 8
    intrinsics.ltr(u16(0x28))
    assert intrinsics.read_tr() == 0x28


def test_msrs_exist_or_fault() -> None:
    host.cpu.msrs[0x10] = 0
    intrinsics.wrmsr(u32(0x10), u64(0x1234_5678_9ABC_DEF0))
    assert intrinsics.rdmsr(u32(0x10)) == 0x1234_5678_9ABC_DEF0
    with pytest.raises(host.GeneralProtection):
        intrinsics.rdmsr(u32(0x11))
    with pytest.raises(host.GeneralProtection):
        intrinsics.wrmsr(u32(0x11), u64(0))


def test_cpuid_gives_the_leaf_and_subleaf() -> None:
    host.cpu.cpuid_leaves[7, 1] = (1, 2, 3, 4)
    host.cpu.cpuid_leaves[1, 0] = (5, 6, 7, 8)
    assert intrinsics.cpuid(u32(7), u32(1)) == (u32(1), u32(2), u32(3), u32(4))
    assert intrinsics.cpuid(u32(1), u32(9))[0] == 5 and intrinsics.cpuid(u32(2), u32(0))[0] == 0


def test_interrupts_and_halting() -> None:
    intrinsics.sti()
    assert intrinsics.read_rflags() & 0x200 != 0
    intrinsics.cli()
    assert intrinsics.read_rflags() == 2
    with pytest.raises(host.Halted):
        intrinsics.hlt()
    woken: list[bool] = []
    host.cpu.on_halt = lambda: woken.append(host.cpu.interrupts)
    intrinsics.sti_hlt()
    assert woken == [True]


def test_tables_are_loaded_from_memory_and_stored_there() -> None:
    load_tables(u16(0x77))
    operand = storage(Operand)
    intrinsics.sgdt(address_of(operand))
    assert operand.limit == 0x77 and host.cpu.idtr[:2] == b"\x77\0"


def test_extended_state_follows_xcr0() -> None:
    area = storage(Area)
    intrinsics.xsetbv(u32(0), u64(7))
    assert intrinsics.xgetbv(u32(0)) == 7
    intrinsics.xsave64(address_of(area), u64(0xF))
    assert area.bytes[512] == 7
    intrinsics.xrstor64(address_of(area), u64(7))
    for attempt in (
        lambda: intrinsics.xsetbv(u32(0), u64(2)),
        lambda: intrinsics.xsetbv(u32(1), u64(1)),
        lambda: intrinsics.xgetbv(u32(2)),
    ):
        with pytest.raises(host.GeneralProtection):
            attempt()


def test_the_rest_runs() -> None:
    before = intrinsics.rdtsc()
    assert intrinsics.rdtsc() > before
    assert intrinsics.rdrand() is not None
    intrinsics.invlpg(Hva(0x1000))
    intrinsics.wbinvd()
    assert host.cpu.log == [("invlpg", 0x1000), ("wbinvd",)]
    intrinsics.stac()
    assert host.cpu.user_access
    intrinsics.clac()
    for name in ("mfence", "lfence", "sfence", "pause"):
        getattr(intrinsics, name)()
    for name in ("int3", "ud2"):
        with pytest.raises(Exception, match=name):
            getattr(intrinsics, name)()


def every_intrinsic() -> list[IntrinsicFn]:
    modules: Any = [module for name, module in sys.modules.items() if name.startswith("codegen.lang.intrinsics.")]
    found = {id(v): v for module in modules for v in vars(module).values() if isinstance(v, IntrinsicFn)}
    return list(found.values())


def test_every_name_is_a_routine_with_a_signature() -> None:
    for name in intrinsics.__all__:
        routine = getattr(intrinsics, name)
        assert isinstance(routine, Routine) and routine.signature()


def llvm_type(kind: Any) -> str:
    return f"i{kind.bits}" if hasattr(kind, "bits") else "void"


def test_every_template_assembles() -> None:
    lines = ['target triple = "x86_64-unknown-none-elf"']
    for number, routine in enumerate(every_intrinsic()):
        signature = routine.signature()
        result = signature.result
        parts = getattr(result, "__args__", None)
        shown = "{" + ", ".join(map(llvm_type, parts)) + "}" if parts else llvm_type(result)
        parameters = ", ".join(f"{llvm_type(p.type)} %{p.name}" for p in signature.parameters)
        lines.append(f"define void @f{number}({parameters}) {{")
        lines.append(f'  %r = call {shown} asm sideeffect "{routine.template}", "{routine.constraints}"({parameters})')
        lines.append("  ret void\n}")
    program = "\n".join(lines).replace("%r = call void", "call void")
    # Bad assembly ends the process that assembles it.
    script = (
        "import sys, llvmlite.binding as l; l.initialize_all_targets(); l.initialize_all_asmprinters()\n"
        "l.initialize_native_asmparser()\n"
        "t = l.Target.from_triple('x86_64-unknown-none-elf').create_target_machine(codemodel='kernel')\n"
        "m = l.parse_assembly(sys.stdin.read()); m.verify(); sys.exit(len(t.emit_object(m)) < 1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=program, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
