"""One clock: TSC ticks, nanoseconds, and every guest timer derived from them."""
