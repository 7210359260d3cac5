"""What happens when, on each processor: rings of events that another processor reads meanwhile (docs/tracing.md)."""
