"""What the image is made for. Runs at build time: `hypervisor/image_program.py` sets it before the image is lowered."""

from __future__ import annotations

DEBUG = False
"""The debug profile: proofs that cost more than a release may spend. Ask by `if static(profile.DEBUG)`."""
