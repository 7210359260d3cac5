"""QEMU's own control socket (QMP): what somebody outside of the machine does to it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any


def control_arguments(path: Path) -> tuple[str, ...]:
    """For `Machine.arguments`: the socket, and a reset that is one, instead of QEMU's end."""
    return ("-action", "reboot=reset", "-qmp", f"unix:{path},server=on,wait=off")


def control(path: Path, command: str, **arguments: Any) -> Any:
    """Execute one command; what it returns."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        with connection.makefile("rw") as stream:
            stream.readline()
            for each, its in (("qmp_capabilities", {}), (command, arguments)):
                stream.write(json.dumps({"execute": each, "arguments": its}) + "\n")
                stream.flush()
                while "return" not in (answer := json.loads(stream.readline())):
                    assert "error" not in answer, answer
    return answer["return"]
