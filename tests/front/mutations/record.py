"""The accepted mistakes on record, each with the test that fails on it, or with why the program does the same."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

Entry = dict[str, str]
FILE = Path(__file__).parent / "accepted.toml"
HEAD = """\
# Mistakes that the checker accepts, since they make another program of the same types: each with a test that fails on
# it, found by `python -m tests.front.mutations.witness`, or with the reason why it does the same, given by a person.
"""


def accepted() -> dict[str, Entry]:
    """By mutant's key: "test" with its id, or "same" with the reason."""
    entries = tomllib.loads(FILE.read_text()).get("accepted", [])
    return {entry.pop("mutant"): entry for entry in entries}


def write(known: Mapping[str, Entry]) -> None:
    text = "".join(
        f"\n[[accepted]]\nmutant = {quoted(key)}\n"
        + "".join(f"{name} = {quoted(value)}\n" for name, value in entry.items())
        for key, entry in sorted(known.items())
    )
    FILE.write_text(HEAD + text)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
