"""A share's hard cap: time is taken from its quota in grants before it is run, so no number of processors can use more
(Turner, Rao and Rao, "CPU bandwidth control for CFS", Linux Symposium 2010). Windows are the same for all shares."""

from __future__ import annotations

from codegen.lang import fn, i64, min, u64
from hypervisor.sched.entity import CAP_WINDOW, Entity


@fn(inline=True)
def window_end(now: u64) -> u64:
    """ns: when the window of `now` ends."""
    return (now // CAP_WINDOW + 1) * CAP_WINDOW


@fn
def take_grant(entity: Entity, now: u64, wanted: u64) -> u64:
    """At most `wanted` ns of the share's quota, none of it for later than this window; 0 when it is used up."""
    share = entity.share
    with share.lock:
        window = now // CAP_WINDOW
        if share.window != window:
            share.window = window
            debt = share.left if share.left < 0 else i64(0)
            share.left = debt + i64(share.quota)
        return_grant(entity)
        if share.left > 0:
            entity.grant = min(min(wanted, u64(share.left)), window_end(now) - now)
            share.left = share.left - i64(entity.grant)
        entity.grant_window = window
        return entity.grant


@fn
def return_grant(entity: Entity) -> None:
    """Under the share's lock: what was not run goes back, as long as its window lasts."""
    if entity.share.window == entity.grant_window:
        entity.share.left = entity.share.left + i64(entity.grant)
    entity.grant = 0


@fn
def stop_using_grant(entity: Entity) -> None:
    """The entity runs no longer."""
    if entity.grant != 0:
        with entity.share.lock:
            return_grant(entity)


@fn
def charge_grant(entity: Entity, ran: u64) -> None:
    """It has run for `ran` ns; what was beyond its grant is missing from the share's next ones."""
    if ran <= entity.grant:
        entity.grant = entity.grant - ran
    elif entity.share.quota != 0:
        with entity.share.lock:
            entity.share.left = entity.share.left - i64(ran - entity.grant)
            entity.grant = 0
