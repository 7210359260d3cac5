"""Prints docs/config.md: `build/venv/bin/python -m hypervisor.config > docs/config.md`."""

from hypervisor.config.describe import config_markdown

if __name__ == "__main__":
    print(config_markdown(), end="")
