"""The monitor: owns the machine and runs unmodified guests. One folder per concern; `main.py` starts it."""
