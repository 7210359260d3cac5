"""docs/exits.md from the list of exits and the handlers that are registered for it. Runs at build time."""

from __future__ import annotations

import inspect

from hypervisor.exits import registry, table
from hypervisor.vcpu.exit import ExitKind

HEAD = f"""# VM exits

Made from `hypervisor/vcpu/exit.py` and the handlers in `hypervisor/exits/` by `./build.py document`.
{len(table.FILES)} files answer {len(registry.HANDLERS)} of {len(ExitKind)} kinds; the others stop the VM with a dump.

| kind | answered in | how |
|---|---|---|
"""
UNHANDLED = "`hypervisor/exits/unhandled.py` | the VM stops with a dump"


def exits_page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {kind.name} | {answer(kind)} |\n" for kind in ExitKind)


def answer(kind: ExitKind) -> str:
    """Where the handler is, and what its docstring says."""
    handler = registry.HANDLERS.get(kind)
    if handler is None:
        return UNHANDLED
    place = handler.__module__.replace(".", "/") + ".py"
    words = " ".join((inspect.getdoc(handler) or "").split())
    return f"`{place}` `{handler.__name__}` | {words}"
