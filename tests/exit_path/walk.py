"""From a CPUID exit to the next entry: the addresses of all that the monitor executes, on one vendor's image."""

from __future__ import annotations

import importlib
from types import ModuleType

from codegen.show.debug_tree import DebugTree
from codegen.show.machine_code import instructions
from tests.exit_path.memory import Memory
from tests.exit_path.processor import RDI, RSP, Processor
from tests.exit_path.scene import Scene

RUN_LOOP = "hypervisor.vcpu.run.run_slice"
STACK = 0x7FFF_0000_0000, 0x7FFF_0001_0000
TOP = 0x7FFF_0000_8000
MOST = 2000
VENDORS = {"vt-x": "tests.exit_path.vt_x", "amd-v": "tests.exit_path.amd_v"}


def walk_cpuid_exit(vendor: str, tree: DebugTree) -> list[int]:
    """In a process that has imported no other back end. Raises NotKnown where the path needs what it was not told.

    The walk begins where the run loop is called with the vCPU, one entry earlier: what the compiler keeps across the
    entry is then what the code itself put there.
    """
    host = host_of(vendor)
    scene = Scene()
    fields = host.prepare(scene)
    vcpu = scene.address()
    processor = Processor(tree, Memory(tree, STACK), scene.gs(), fields)
    processor.registers[RSP], processor.registers[RDI] = TOP, vcpu
    entry = processor.walk(tree.symbols[RUN_LOOP][0], MOST)[-1]
    stub = [one.address for one in instructions(tree, host.STUB)]
    processor.registers = [0] * 16  # the guest's: leaf 0
    processor.registers[RSP] = vcpu  # HOST_RSP, and RSP at VMRUN
    return processor.walk(stub[stub.index(entry) + host.BEHIND_ENTRY], MOST)


def host_of(vendor: str) -> ModuleType:
    """What the two differ in."""
    return importlib.import_module(VENDORS[vendor])
