"""LLVM text to optimised modules, objects and assembly."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

from codegen.back.errors import BadLlvmText
from codegen.back.target import Target


@cache
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()


def target_machine(target: Target, optimise: int) -> llvm.TargetMachine:
    """LLVM's machine for a target; `optimise` is 0 to 3."""
    _initialize()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=optimise,
        reloc=target.relocation,
        codemodel=target.code_model,
        jit=target.host,
    )


def parse(text: str) -> llvm.ModuleRef:
    """The module. Raises BadLlvmText with LLVM's message and the line that it means."""
    _initialize()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        message = str(error)
        place = message.split(":", 3)
        number = int(place[1]) if len(place) > 2 and place[1].isdigit() else 0
        line = text.splitlines()[number - 1] if number else ""
        raise BadLlvmText(f"{message}\n{line}") from None
    return module


def optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine, level: int, quick: bool = False) -> None:
    """Whole-program optimisation; a pass manager serves once (LLVM aborts when it is used again)."""
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_unrolling = False  # it makes ten times the code of loops over a few bytes of text
    builder = llvm.create_pass_builder(machine, options)
    passes = quick_passes() if quick else builder.getModulePassManager()
    passes.run(module, builder)


def quick_passes() -> llvm.ModulePassManager:
    """What pays for code that seldom runs: a third of the time of level 1. The inliner follows marks only."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_jump_threading_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    return passes


def emit(text: str, target: Target, level: int, form: str, quick: bool = False) -> bytes:
    """`form` is "object", "assembly", or "llvm" (optimised text). Ends the process on bad inline assembly."""
    machine = target_machine(target, level)
    module = parse(text)
    if level:
        optimise(module, machine, level, quick)
    if form == "object":
        return bytes(machine.emit_object(module))
    return (machine.emit_assembly(module) if form == "assembly" else str(module)).encode()
