"""The exit table: every kind has a handler, those without one of their own stop the VM with a full dump."""

from __future__ import annotations

import importlib

from codegen.lang import fn, fn_table, static, u32
from hypervisor.exits import registry
from hypervisor.exits.registry import Resume
from hypervisor.exits.unhandled import stop_on_unhandled_exit
from hypervisor.vcpu.exit import EXIT_KINDS, ExitKind
from hypervisor.vcpu.vcpu import Vcpu

FILES = (
    "control",
    "cpuid",
    "exception",
    "hlt",
    "hypercall",
    "interrupts",
    "memory",
    "misconfigured",
    "msr.dispatch",
    "port",
    "refused",
    "unhandled",
    "xsetbv",
)

for _name in FILES:
    importlib.import_module(f"hypervisor.exits.{_name}")

# What guests do most: these handlers become one piece with the run loop. The others are found by the table.
HOT_KINDS = (
    ExitKind.CPUID,
    ExitKind.PORT,
    ExitKind.RDMSR,
    ExitKind.WRMSR,
    ExitKind.HYPERCALL,
    ExitKind.GUEST_MEMORY,
)
HOT_HANDLERS = tuple((kind, registry.HANDLERS[kind]) for kind in HOT_KINDS)
EXIT_HANDLERS = fn_table(
    {kind: handler for kind, handler in registry.HANDLERS.items() if kind not in HOT_KINDS},
    default=stop_on_unhandled_exit,
    size=EXIT_KINDS,
)


@fn(inline=True)
def answer_exit(vcpu: Vcpu, kind: ExitKind) -> Resume:
    """Count the exit and have it handled."""
    for hot, handle in static(HOT_HANDLERS):
        if kind == hot:
            vcpu.exits[u32(hot)] = vcpu.exits[u32(hot)].wrapping_add(1)
            return handle(vcpu)
    vcpu.exits[u32(kind)] = vcpu.exits[u32(kind)].wrapping_add(1)
    return EXIT_HANDLERS[u32(kind)](vcpu)
