"""Seconds that a build takes: from nothing, and when nothing has changed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from build import ROOT, build_images
from hypervisor.image import VENDORS
from tests.bench.samples import NotMeasured

# The compiler remembers objects by their text; a full build must not find them.
WITHOUT_MEMORY = """
import sys
from pathlib import Path
from codegen.back import compile
compile._CACHE = Path(sys.argv[3]).parent / "objects"
from hypervisor import image_program
sys.exit(image_program.main())
"""


class BuildFailed(NotMeasured):
    """An image does not compile; the message is the compiler's."""


def full_build_seconds() -> float:
    """Both images at once, as `build.py` makes them, from nothing."""
    with tempfile.TemporaryDirectory(prefix="keelback-bench-") as folder:
        begin = time.monotonic()
        running = [
            subprocess.Popen(
                [sys.executable, "-c", WITHOUT_MEMORY, vendor, "release", str(Path(folder) / vendor / f"{vendor}.elf")],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for vendor in VENDORS
        ]
        messages = [process.communicate()[0] for process in running]
        seconds = time.monotonic() - begin
        if any(process.returncode for process in running):
            raise BuildFailed("\n".join(messages))
    return seconds


def no_change_seconds() -> float:
    """The images once more, when they are there."""
    build_images("release")
    begin = time.monotonic()
    build_images("release")
    return time.monotonic() - begin
