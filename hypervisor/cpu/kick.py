"""placeholder"""

from __future__ import annotations

from codegen.lang import fn, u32


@fn
def send_kick(cpu: u32) -> None:
    return
