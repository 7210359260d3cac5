"""Nested KVM: whether this machine's KVM lets a guest really enter SVM or VMX.

A /dev/kvm alone proves nothing: it can exist without hardware behind it, or without nesting. So a probe guest does it,
in a process of its own that is given two seconds.
"""

import subprocess
import sys
from pathlib import Path

DEVICE = Path("/dev/kvm")
PROBE_SECONDS = 2


def nested_kvm() -> tuple[bool, str]:
    """(usable, the reason in words)."""
    if not DEVICE.exists():
        return False, f"there is no {DEVICE}"
    probe = [sys.executable, "-m", "boot.machines.kvm_probe"]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(probe, cwd=root, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"the probe guest under {DEVICE} did not answer in {PROBE_SECONDS} seconds"
    lines = done.stdout.splitlines()
    return done.returncode == 0, lines[-1] if lines else f"the probe guest under {DEVICE} crashed"


def cpu_vendor() -> str:
    """The image that this machine's own CPU needs: "vt-x" or "amd-v"."""
    return "amd-v" if "AuthenticAMD" in Path("/proc/cpuinfo").read_text() else "vt-x"
