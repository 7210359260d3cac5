"""Every image that the build makes, built and decoded once."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boot.image.loader import OUTPUT as LOADERS
from boot.image.loader import build_loaders
from codegen.inspect.machine_code import MachineCode, read_application, read_code
from codegen.inspect.stack import Stacks
from hypervisor.image import REPOSITORY, VENDORS, build_images
from tests.image.entry_points import ENTERED

PROFILES = ("release", "debug")  # those that people boot
IMAGES = [(vendor, profile) for profile in PROFILES for vendor in VENDORS]


@functools.cache
def built(vendor: str, profile: str) -> Path:
    return build_images(profile)[vendor]


@functools.cache
def decoded(image: Path) -> Stacks:
    return Stacks(read_code(image), ENTERED)


@pytest.fixture(scope="session", params=IMAGES, ids="-".join)
def image(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def stacks(image: tuple[str, str]) -> Stacks:
    return decoded(built(*image))


@pytest.fixture(scope="session")
def code(stacks: Stacks) -> MachineCode:
    return stacks.code


@pytest.fixture(scope="session")
def application() -> MachineCode:
    build_loaders()
    return read_application(LOADERS / "BOOTX64.EFI")


@pytest.fixture(scope="session")
def loader() -> Stacks:
    build_loaders()
    return decoded(LOADERS / "stage2.elf")


@pytest.fixture(scope="session", params=VENDORS)
def described(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a process with one back end says of its image (tests/image/program.py)."""
    command = [sys.executable, "-m", "tests.image.program", request.param]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found
