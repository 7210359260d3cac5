from __future__ import annotations

from pathlib import Path

import pytest

from tests.guests_boot.command import run
from tests.guests_boot.configurations import CLOUD, MACH, write_configuration


@pytest.mark.long
def test_a_prompt_is_seen_beside_another_vm(tmp_path: Path) -> None:
    done = run(write_configuration(tmp_path, CLOUD, MACH), "qemu", "debian:/ # ", "--direct")
    assert done.status == 0, done.messages
    assert "[mach] GNU Mach" in done.console
