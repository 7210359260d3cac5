"""The kernel's warnings under the monitor against those on the bare emulator, line by line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ALLOWED = Path(__file__).with_name("dmesg_allowed.toml")
MARK = "keelback-guest: warning: "
# What two boots of one machine may print differently: addresses, and the measured speed.
NUMBERS = re.compile(r"\b(0x)?[0-9a-f]{8,16}\b")


def warnings_of(console: str) -> set[str]:
    """The lines of /etc/tests/warnings."""
    lines = [line.partition(MARK)[2] for line in console.splitlines() if MARK in line]
    return {NUMBERS.sub("N", line) for line in lines}


def unexplained(host: str, guest: set[str], bare: set[str] | None) -> set[str]:
    """Warnings that only one of the two has, with no reason in the file. Without a bare run to compare with, the file
    says what it printed."""
    rules = tomllib.loads(ALLOWED.read_text())
    if bare is None:
        bare = {NUMBERS.sub("N", line) for line in rules["recorded"][host]["lines"]}
    differences = [rule for rule in rules["difference"] if rule["host"] == host]
    assert all(rule["reason"] for rule in differences)
    return {
        f"{place} only: {line}"
        for place, lines in (("guest", guest - bare), ("bare", bare - guest))
        for line in lines
        if not any(rule["only"] == place and re.search(rule["text"], line) for rule in differences)
    }
