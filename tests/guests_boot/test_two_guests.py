from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guests.kernel import build_kernel
from tests.guests_boot.command import run
from tests.guests_boot.configurations import CLOUD, MACH, Guest, write_configuration
