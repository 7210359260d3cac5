"""What was found in an object file once, by its content: objects of units are linked many times."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from codegen.front.source import ROOT

T = TypeVar("T")
_FOUND = ROOT / "build" / "objects" / "found"


def remembered(file: Path, find: Callable[[Path], T]) -> T:
    """`find(file)`, a plain value; in build/objects/found by the file's content and by the module that `find` is of."""
    key = hashlib.sha256(_module_text(find.__code__.co_filename) + find.__qualname__.encode() + file.read_bytes())
    place = _FOUND / key.hexdigest()
    try:
        known: T = pickle.loads(place.read_bytes())
    except (OSError, EOFError, pickle.UnpicklingError):
        known = find(file)
        _FOUND.mkdir(parents=True, exist_ok=True)
        written = place.with_suffix(f".{os.getpid()}")
        written.write_bytes(pickle.dumps(known))
        written.replace(place)
    return known


@cache
def _module_text(path: str) -> bytes:
    return Path(path).read_bytes()
