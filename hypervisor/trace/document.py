"""docs/tracing.md from the list of events. Runs at build time."""

from __future__ import annotations

from hypervisor.trace.events import EVENT_BYTES, EVENTS, NO_VCPU
from hypervisor.trace.ring import RING_EVENTS, RING_FRAMES

HEAD = f"""# Tracing

Made from `hypervisor/trace/events.py` by `./build.py document`.

```
./build.py run                                # in one terminal
./build.py ctl trace -o FILE [--seconds N]    # in another: record, and write a file for ui.perfetto.dev
```

The file has a track for each processor, with its turns, idle times, wake-ups and kicks, and one for each virtual CPU,
with a slice for each stay in the guest, named after the exit that ended it, and the events that were injected.

Each processor has a ring of {RING_EVENTS} events of {EVENT_BYTES} bytes: {RING_FRAMES} frames, which the first
`trace on` takes. It alone writes, without a lock; the oldest events are overwritten. A reader on another processor
copies an event, then looks whether the writer has come round to it meanwhile: so it gets whole events only, and counts
those that it has lost (`hypervisor/trace/ring.py`; `tests/trace` runs writer and reader in every order of their steps).

While nobody traces, an event costs one comparison where it happens. Exits and entries cost nothing: a turn that begins
while events are traced uses a run loop of its own (`hypervisor/vcpu/traced.py`).

An event is the TSC, 8 bytes, and a word of 8 bytes: kind in bits 0 to 7, the vCPU's number in the pool in bits 16 to 31
({NO_VCPU:#x}: none), a value in bits 32 to 63.

| number | kind | what happened | vCPU | value |
|---|---|---|---|---|
"""


def tracing_page() -> str:
    """The whole page."""
    rows = (
        f"| {each.kind.value} | {each.kind.name} | {each.meaning} | {'yes' if each.vcpu else ''} | {each.value} |\n"
        for each in EVENTS
    )
    return HEAD + "".join(rows)
