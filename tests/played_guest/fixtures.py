"""Fixtures for folders whose tests meet the vCPU contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.played_guest.machine import amd_v


@pytest.fixture(autouse=True)
def contract_of_amd_v() -> Iterator[None]:
    with amd_v():
        yield
