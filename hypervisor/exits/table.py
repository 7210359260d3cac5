"""The exit table: every kind has a handler, those without one of their own stop the VM with a full dump."""

from __future__ import annotations

import importlib

from codegen.lang import fn_table
from hypervisor.exits import registry
from hypervisor.exits.unhandled import stop_on_unhandled_exit
from hypervisor.vcpu.exit import EXIT_KINDS

FILES = (
    "control",
    "cpuid",
    "exception",
    "hlt",
    "hypercall",
    "interrupts",
    "memory",
    "msr.dispatch",
    "port",
    "refused",
    "unhandled",
    "xsetbv",
)

for _name in FILES:
    importlib.import_module(f"hypervisor.exits.{_name}")

EXIT_HANDLERS = fn_table(registry.HANDLERS, default=stop_on_unhandled_exit, size=EXIT_KINDS)
