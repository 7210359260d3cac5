"""The machine's second serial port: one JSON object a line asks, one answers (docs/ctl.md)."""
