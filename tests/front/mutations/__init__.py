"""Single-token mistakes planted in the monitor's own sources: what the checker makes of each."""
