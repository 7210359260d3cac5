"""ld.lld, and the scripts that jinja2 renders for it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class LinkError(Exception):
    """What the linker says."""


def render(template: str, **values: Any) -> str:
    """A linker script."""
    return _TEMPLATES.get_template(template).render(values)


def link(objects: Sequence[Path], output: Path, script: str, emulation: str, *options: str) -> Path:
    """Links by the script, which stays beside the output; every section must have a place and every symbol a value."""
    output.parent.mkdir(parents=True, exist_ok=True)
    script_file = output.with_suffix(".ld")
    script_file.write_text(script)
    command = ["ld.lld", "-m", emulation, "-static", "--no-undefined", "--orphan-handling=error", "--build-id=none"]
    command += ["-z", "max-page-size=4096", "-z", "noexecstack", "-T", str(script_file), "-o", str(output)]
    run([*command, *options, *(str(each) for each in objects)])
    return output


def run(command: list[str]) -> None:
    """Runs a linker; LinkError with its messages, or with the name of the package when it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LinkError(f"{command[0]} is missing: it comes with the Debian package lld") from None
    if done.returncode:
        raise LinkError(done.stderr.strip())
