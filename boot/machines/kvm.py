"""Nested KVM: whether this machine's KVM lets a guest really enter SVM or VMX.

A /dev/kvm alone proves nothing: it can exist without hardware behind it, or without nesting.
"""

import fcntl
import os
from pathlib import Path

DEVICE = Path("/dev/kvm")
KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01
API_VERSION = 12


def nested_kvm() -> tuple[bool, str]:
    """(usable, the reason in words)."""
    try:
        device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return False, f"{DEVICE}: {error.strerror}"
    try:
        if fcntl.ioctl(device, KVM_GET_API_VERSION) != API_VERSION:
            return False, f"{DEVICE} is not KVM"
        os.close(fcntl.ioctl(device, KVM_CREATE_VM, 0))
    except OSError as error:
        return False, f"{DEVICE} exists, but makes no VM ({error.strerror})"
    finally:
        os.close(device)
    return False, "no probe guest has entered SVM or VMX under this KVM"


def cpu_vendor() -> str:
    """The image that this machine's own CPU needs: "vt-x" or "amd-v"."""
    return "amd-v" if "AuthenticAMD" in Path("/proc/cpuinfo").read_text() else "vt-x"
