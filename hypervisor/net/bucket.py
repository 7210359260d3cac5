"""A token bucket: so many bytes a second, and so many at once."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, min, u64

SECOND = 1_000_000_000  # ns
RATE_MAX = 8 << 30  # bytes a second: a second's nanoseconds times it still fit
IDLE_MAX = 1 << 20  # seconds that count, however long nothing was sent


class Bucket(Struct):
    """`rate` 0: no limit."""

    rate: Field[u64]  # bytes a second, at most RATE_MAX
    burst: Field[u64]  # bytes
    tokens: Field[u64]  # bytes that may go now
    rest: Field[u64]  # of the next one, in billionths
    moment: Field[u64]  # up to which time has been counted, ns


@fn
def bucket_start(bucket: Bucket, rate: u64, burst: u64) -> None:
    """Full."""
    bucket.rate = min(rate, u64(RATE_MAX))
    bucket.burst = burst
    bucket.tokens = burst
    bucket.rest = 0
    bucket.moment = 0


@fn
def bucket_take(bucket: Bucket, bytes: u64, now: u64) -> bool:
    """Whether so many may go at `now` (ns, which does not go back); if not, none are taken."""
    if bucket.rate == 0:
        return True
    passed = now.saturating_sub(bucket.moment)
    bucket.moment = bucket.moment + passed
    earned = (passed % SECOND) * bucket.rate + bucket.rest
    bucket.rest = earned % SECOND
    whole = min(passed // SECOND, u64(IDLE_MAX)) * bucket.rate
    bucket.tokens = bucket.tokens + whole + earned // SECOND
    if bucket.tokens >= bucket.burst:
        bucket.tokens = bucket.burst
        bucket.rest = 0
    if bytes > bucket.tokens:
        return False
    bucket.tokens = bucket.tokens - bytes
    return True
