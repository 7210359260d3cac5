"""What was found in object files once, by their content: objects of units are linked many times."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from codegen.front.source import ROOT
from codegen.incremental.shared_work import make_all

T = TypeVar("T")
_FOUND = ROOT / "build" / "objects" / "found"


def remembered(files: Sequence[Path], find: Callable[[Path], T]) -> list[T]:
    """`find(file)` of each, a plain value; in build/objects/found by the file's content and by the module that `find`
    is of."""
    _FOUND.mkdir(parents=True, exist_ok=True)
    salt = _module_text(find.__code__.co_filename) + find.__qualname__.encode()
    places = [_FOUND / hashlib.sha256(salt + file.read_bytes()).hexdigest() for file in files]
    missing = {place: file for place, file in zip(places, files, strict=True) if not place.exists()}
    make_all(missing, lambda file: pickle.dumps(find(file)))
    return [pickle.loads(place.read_bytes()) for place in places]


@cache
def _module_text(path: str) -> bytes:
    return Path(path).read_bytes()
