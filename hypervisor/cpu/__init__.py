"""This processor: per-CPU state, descriptor tables, traps, panic, features. Nothing of guests."""
