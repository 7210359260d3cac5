"""`python -m tests.debug.bare_image VENDOR FILE` builds a released image without debug information."""

import dataclasses
import sys
from pathlib import Path

from codegen.link.image import ImageLayout
from codegen.program import build_image
from hypervisor.image_program import ENTRY, PHYSICAL_BASE, image_sources

if __name__ == "__main__":
    vendor, file = sys.argv[1:]
    sources = dataclasses.replace(image_sources(vendor, "release"), debug=False)
    build_image(sources, ImageLayout(PHYSICAL_BASE, ENTRY, ENTRY), Path(file))
