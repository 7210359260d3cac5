"""Circular lists of entities through their own links: first in, first out, and out from anywhere."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.sched.entity import Entity


@fn
def ring_append(first: Entity | None, entity: Entity) -> Entity:
    """Behind all others; the first of the ring."""
    if first is None:
        entity.next = entity
        entity.previous = entity
        return entity
    last = first.previous
    assert last is not None
    entity.previous = last
    entity.next = first
    last.next = entity
    first.previous = entity
    return first


@fn
def ring_remove(first: Entity | None, entity: Entity) -> Entity | None:
    """Out of the ring that begins with `first`; what is then the first, None when the ring is empty."""
    after, before = entity.next, entity.previous
    assert first is not None and after is not None and before is not None
    entity.next = None
    entity.previous = None
    if after is entity:
        return None
    before.next = after
    after.previous = before
    return after if first is entity else first
