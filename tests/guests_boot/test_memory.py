from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.guests_boot.command import run
from tests.guests_boot.configurations import MACH, write_configuration

MACH_ENDS = "mach:No bootstrap code loaded with the kernel!"


def test_a_guest_larger_than_the_machine_is_left_out_with_words(tmp_path: Path) -> None:
    large = replace(MACH, name="large", memory="512M")
    done = run(write_configuration(tmp_path, large, MACH), "qemu", MACH_ENDS, "--direct", "--memory", "256M")
    assert done.status == 0, done.messages
    words = "large: cannot be made: the machine has too little free memory; lower `memory` or add RAM"
    assert f"keelback: {words}" in done.console.splitlines()
