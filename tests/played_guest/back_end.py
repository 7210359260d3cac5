"""The vCPU contract under CPython: bound to one back end, whatever else is imported."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager

from codegen.lang import bind
from hypervisor.vcpu import contract


@contextmanager
def back_end(package: str) -> Iterator[None]:
    """Until the block ends, the contract's functions are those of `package`."""
    home = importlib.import_module(package)
    for found in pkgutil.walk_packages(home.__path__, f"{package}."):
        importlib.import_module(found.name)
    declared = [thing for thing in vars(contract).values() if hasattr(thing, "implementations")]
    for one in declared:
        bind(one, next(f for f in one.implementations if f.__module__.startswith(f"{package}.")))
    try:
        yield
    finally:
        for one in declared:
            bind(one, None)
