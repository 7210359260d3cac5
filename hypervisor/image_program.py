"""One image: neutral modules and one vendor's back end, from Python to ELF. Runs at build time, once per process."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import hypervisor.profile
from codegen.back.errors import BadAssembly
from codegen.back.target import IMAGE
from codegen.front.build_time import diagnose
from codegen.lang.routines import Fn, StubFn
from codegen.link.image import ImageLayout
from codegen.link.lld import LinkError
from codegen.program import CompileErrors, Sources, build_image
from hypervisor.memory.image_layout import PHYSICAL_MAP_BASE

BACK_ENDS = {"vt-x": "hypervisor.vcpu.vmx", "amd-v": "hypervisor.vcpu.svm"}
ROOTS = (
    "hypervisor.main",
    "hypervisor.sched.start",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
)
OURS = ("hypervisor.", "drivers.", "boot.")
ENTRY = "boot_entry"
PHYSICAL_BASE = 16 << 20
LEVELS = {"release": 2, "debug": 0, "coverage": 1}


def compile_image(vendor: str, profile: str, image: Path, roots: tuple[str, ...] = ROOTS) -> None:
    """Compile and link one image in this process, which must not have imported another back end.

    `roots` are modules; whatever their exported functions reach is in the image.
    """
    build_image(image_sources(vendor, profile, roots), ImageLayout(PHYSICAL_BASE, ENTRY, ENTRY), image)


def image_sources(vendor: str, profile: str, roots: tuple[str, ...] = ROOTS) -> Sources:
    """What one image is made of."""
    hypervisor.profile.DEBUG = profile == "debug"
    modules = image_modules(BACK_ENDS[vendor], roots)
    functions: list[Fn | StubFn] = [
        thing for name in roots for thing in vars(sys.modules[name]).values() if is_root(thing, name)
    ]
    return Sources(
        functions,
        modules,
        IMAGE,
        physical_base=PHYSICAL_MAP_BASE,
        level=LEVELS[profile],
        coverage=profile == "coverage",
    )


def image_modules(back_end: str, roots: tuple[str, ...]) -> list[ModuleType]:
    """The roots, all of the back end, and whatever these import."""
    for name in roots:
        importlib.import_module(name)
    package = importlib.import_module(back_end)
    for found in pkgutil.walk_packages(package.__path__, f"{back_end}."):
        importlib.import_module(found.name)
    return [module for name, module in sys.modules.items() if name.startswith(OURS) or name in roots]


def is_root(thing: object, module: str) -> TypeGuard[Fn | StubFn]:
    """What the entry code and the stubs call, by exported names, and the entry code itself."""
    if isinstance(thing, StubFn):
        return thing.symbol == ENTRY
    return isinstance(thing, Fn) and thing.options.export is not None and thing.__module__ == module


def main() -> int:
    """`python -m hypervisor.image_program VENDOR PROFILE IMAGE [ROOT...]`."""
    gc.disable()  # the process ends before collecting trees and IR would pay
    vendor, profile, image, *roots = sys.argv[1:]
    try:
        compile_image(vendor, profile, Path(image), tuple(roots) or ROOTS)
    except (CompileErrors, BadAssembly, LinkError) as error:
        print(error)
        return 1
    except Exception as error:
        mistake = diagnose(error)
        if mistake is None:
            raise
        print(mistake.render())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
