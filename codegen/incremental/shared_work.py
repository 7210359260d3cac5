"""Files that two processes both need, each made by the one that comes first: they share the work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def make_all(missing: Mapping[Path, T], make: Callable[[T], bytes]) -> None:
    """Makes every file that does not exist; those that another process is making are waited for at the end."""
    waiting = []
    for file, source in missing.items():
        if not make_one(file, source, make, fcntl.LOCK_EX | fcntl.LOCK_NB):
            waiting.append((file, source))
    for file, source in waiting:
        make_one(file, source, make, fcntl.LOCK_EX)


def make_one(file: Path, source: T, make: Callable[[T], bytes], lock: int) -> bool:
    """Makes the file unless it is there; False when the lock cannot be had."""
    with file.with_suffix(".lock").open("w") as held:
        try:
            fcntl.flock(held, lock)
        except BlockingIOError:
            return False
        if not file.exists():
            written = file.with_suffix(f".{os.getpid()}")
            written.write_bytes(make(source))
            written.replace(file)
        file.with_suffix(".lock").unlink(missing_ok=True)
    return True
