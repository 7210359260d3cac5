"""docs/exits.md from the list of exits and the handlers that are registered for it. Runs at build time."""

from __future__ import annotations

import inspect

from hypervisor.exits import registry, table
from hypervisor.vcpu.exit import ExitKind

HEAD = f"""# VM exits

Made from `hypervisor/vcpu/exit.py` and the handlers in `hypervisor/exits/` by `./build.py document`.
{len(table.FILES)} files answer {len(registry.HANDLERS)} of {len(ExitKind)} kinds; the others stop the VM with a dump.
A sane guest can cause one of them: TASK_SWITCH, on VT-x, by a task gate or a far branch to a TSS in 32-bit code.

| kind | answered in | how |
|---|---|---|
"""
UNHANDLED = "`hypervisor/exits/unhandled.py` | The VM stops with a dump"
# Why nobody meets them. The controls are in vcpu/vmx/controls.py, the intercepts in vcpu/svm/intercepts.py.
REASONS = {
    ExitKind.DR_ACCESS: "not caused: the guest moves debug registers itself, they change hands with the vCPU",
    ExitKind.RDTSC: "not caused: the guest reads the counter itself, with the VM's offset",
    ExitKind.DESCRIPTOR_TABLE: "not caused: the guest loads and stores its tables itself",
    ExitKind.APIC_ACCESS: "not caused: the local APIC's page is unmapped, so that accesses are GUEST_MEMORY",
    ExitKind.STARTUP_IPI: "not caused: a vCPU that waits for one is not entered",
    ExitKind.UNKNOWN: "#UD instead, where user code caused it",
    ExitKind.TASK_SWITCH: "VT-x alone leaves at task switches; they are not emulated yet",
}


def exits_page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {kind.name} | {answer(kind)} |\n" for kind in ExitKind)


def answer(kind: ExitKind) -> str:
    """Where the handler is, and what its docstring says."""
    handler = registry.HANDLERS.get(kind)
    if handler is None:
        reason = REASONS.get(kind)
        return f"{UNHANDLED} ({reason})." if reason else f"{UNHANDLED}."
    place = handler.__module__.replace(".", "/") + ".py"
    words = " ".join((inspect.getdoc(handler) or "").split())
    return f"`{place}` `{handler.__name__}` | {words}"
