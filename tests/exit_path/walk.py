"""From a CPUID exit to the next entry: the addresses of all that the monitor executes, on one vendor's image."""

from __future__ import annotations

import importlib
from types import ModuleType

from codegen.show.debug_tree import DebugTree
from codegen.show.machine_code import Instruction, instructions
from hypervisor.vcpu.vcpu import Vcpu
from tests.exit_path.memory import Memory
from tests.exit_path.processor import RBP, RSP, NotKnown, Processor
from tests.exit_path.scene import Scene

RUN_LOOP = "hypervisor.vcpu.run.run_slice"
STACK = 0x7FFF_0000_0000, 0x7FFF_0001_0000
FRAME, TOP = 0x7FFF_0000_8000, 0x7FFF_0000_7000
MOST = 2000
VENDORS = {"vt-x": "tests.exit_path.vt_x", "amd-v": "tests.exit_path.amd_v"}


def walk_cpuid_exit(vendor: str, tree: DebugTree) -> list[int]:
    """In a process that has imported no other back end. Raises NotKnown where the path needs what it was not told.

    The walk begins one round earlier, where the run loop looks at `vcpu.work`: there only the vCPU itself is alive, so
    every register and every slot of the frame holds it, and what the compiler spills across the entry is right. A wrong
    guess would end at an address that is nowhere, or in a count that differs from the measured one.
    """
    host = host_of(vendor)
    scene = Scene()
    fields = host.prepare(scene)
    vcpu = scene.address()
    processor = Processor(tree, Memory(tree, STACK, vcpu), vcpu, scene.gs(), fields)
    processor.registers[RSP], processor.registers[RBP] = TOP, FRAME
    entry = processor.walk(look_at_work(tree), MOST)[-1]
    stub = [one.address for one in instructions(tree, host.STUB)]
    processor.registers = [0] * 16  # the guest's: leaf 0
    processor.registers[RSP] = vcpu  # HOST_RSP, and RSP at VMRUN
    return processor.walk(stub[stub.index(entry) + host.BEHIND_ENTRY], MOST)


def host_of(vendor: str) -> ModuleType:
    """What the two differ in."""
    return importlib.import_module(VENDORS[vendor])


def look_at_work(tree: DebugTree) -> int:
    """The first instruction of a round of the run loop, which was inlined into the scheduler: it reads `vcpu.work`."""
    holder = next(one.holder for one in tree.inlined if one.symbol == RUN_LOOP)
    reads = f"+ {Vcpu.work.offset:#x}]"
    for one in instructions(tree, holder):
        if in_run_loop(one) and one.text.startswith("mov ") and one.text.endswith(reads):
            return one.address
    raise NotKnown(f"{holder} does not read vcpu.work")


def in_run_loop(one: Instruction) -> bool:
    return any(call.symbol == RUN_LOOP for call in one.inside)
