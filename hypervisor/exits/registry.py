"""How a handler joins the table of exits: a decorator, resolved when the image is generated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from codegen.lang import HwEnum, u32
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu


class Resume(HwEnum, repr=u32, must_use=True):
    """How the vCPU goes on after an exit."""

    NEXT_INSTRUCTION = 0  # the instruction is done: skip it
    SAME_INSTRUCTION = 1  # retry it, or an event was queued in its place
    YIELD = 2  # leave the run loop: halted, preempted, stopped or to be reset


Handler = Callable[[Vcpu], Resume]
H = TypeVar("H", bound=Handler)

HANDLERS: dict[ExitKind, Handler] = {}


def on_exit(kind: ExitKind) -> Callable[[H], H]:
    """Register the decorated `@fn` for `kind`; twice for one kind is a build error."""

    def register(handler: H) -> H:
        if kind in HANDLERS:
            raise ValueError(f"exit {kind.name} has two handlers: {HANDLERS[kind]} and {handler}")
        HANDLERS[kind] = handler
        return handler

    return register
