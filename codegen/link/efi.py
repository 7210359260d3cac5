"""PE/COFF applications that UEFI firmware starts (UEFI specification, 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codegen.link.lld import run
from codegen.link.verify import verify_pe


def link_efi(objects: Sequence[Path], output: Path, entry: str) -> Path:
    """A relocatable 64-bit application that starts at the function `entry` (handle, system table).

    Raises LinkError with the linker's messages.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    command = ["lld-link", "/machine:x64", "/subsystem:efi_application", "/nodefaultlib", "/dynamicbase", "/Brepro"]
    # Stubs are constants to LLVM; merged into .text they can run.
    command += [f"/entry:{entry}", "/merge:.stub=.text", "/align:4096", "/filealign:512", f"/out:{output}"]
    run(command + [str(each) for each in objects])
    verify_pe(objects, output)
    return output
