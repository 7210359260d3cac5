"""Native execution in this process: the same functions, on the same memory, devices and models as under CPython."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm

from codegen.back.cells import cell_count, from_cells, to_cells
from codegen.back.emit import optimise as run_optimiser
from codegen.back.emit import parse, target_machine
from codegen.back.entry_text import entry_text
from codegen.back.hardware import FIRST_INTRINSIC, MMIO_READ, MMIO_WRITE, PORT_READ, read_cells, write_cells
from codegen.back.llvm_text import ModuleText
from codegen.back.target import HOST
from codegen.back.type_text import register_type, scalar_types
from codegen.back.writer import Writer
from codegen.ir.nodes import Function, Program
from codegen.ir.types import Void
from codegen.lang import host, memory
from codegen.lang.bus import Space
from codegen.lang.checks import Trap

LEFT_BY_MODEL, FIRST_SITE = 1, 2

# The process's stack pointer, the top of native code's stack, and this processor's per-CPU data. The stack is the upper
# end of the arena's, so that a model which is handed the address of a local reads it like any other memory; CPython's
# locals grow from below.
_STATE = (ctypes.c_uint64 * 3)(0, memory.stack.end, 0)
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint64))


class NativeModule:
    """One compiled program. `text` is its LLVM text, before optimisation."""

    def __init__(self, program: Program, optimise: int) -> None:
        self._program = program
        self._raised: BaseException | None = None
        self._callback = _CALLBACK(self._answer)
        module_text = ModuleText(program, HOST, debug=False, host_per_cpu=ctypes.addressof(_STATE) + 16)
        address = ctypes.cast(self._callback, ctypes.c_void_p).value
        assert address is not None
        wrappers = "\n".join(
            line for number, f in enumerate(program.functions.values()) for line in _wrapper(module_text, f, number)
        )
        self.text = module_text.text(entry_text(ctypes.addressof(_STATE), address) + wrappers)
        self._sites = module_text.sites.all
        self._models = [program.intrinsics[symbol].model for symbol in module_text.intrinsics.called]
        self._engine = _engine(self.text, optimise)
        enter = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p)
        self._enter = enter(self._engine.get_function_address("host_enter"))
        self._addresses = {
            symbol: self._engine.get_function_address(f"enter.{number}")
            for number, symbol in enumerate(program.functions)
        }
        self._symbols = {id(f.origin): symbol for symbol, f in program.functions.items() if f.origin is not None}

    def call(self, function: Any, *arguments: Any) -> Any:
        """Runs an `@fn` of the language with values of the language, and gives its result as one.

        Raises Trap as CPython does, and whatever the model of an instruction or device raised. KeyError when the
        function is not part of the program.
        """
        signature = function.signature()
        if len(arguments) != len(signature.parameters):
            raise TypeError(f"{function.name} takes {len(signature.parameters)} arguments, not {len(arguments)}")
        cells = [
            cell
            for parameter, value in zip(signature.parameters, arguments, strict=True)
            for cell in to_cells(parameter.type, value)
        ]
        results = self.run(self._symbols[id(function)], cells, cell_count(signature.result))
        return from_cells(signature.result, iter(results))

    def run(self, symbol: str, cells: list[int], results: int) -> list[int]:
        """The same below the language's types: arguments and results as 64-bit cells."""
        frame = (ctypes.c_uint64 * max(len(cells), results, 1))(*cells)
        if self._program.per_cpu is not None:
            _STATE[2] = self._program.per_cpu.current._address
        status = self._enter(self._addresses[symbol], ctypes.addressof(frame))
        if status == LEFT_BY_MODEL:
            raised, self._raised = self._raised, None
            assert raised is not None
            raise raised
        if status >= FIRST_SITE:
            raise Trap(*self._sites[status - FIRST_SITE])
        return list(frame[:results])

    def _answer(self, request: int, cells: Any) -> int:
        """What native code asks for; 1 when the answer is an exception (ctypes would print and swallow it)."""
        try:
            if request >= FIRST_INTRINSIC:
                self._run_model(self._models[request - FIRST_INTRINSIC], cells)
            else:
                _access_device(request, cells)
        except BaseException as error:
            self._raised = error
            return 1
        return 0

    def _run_model(self, model: Callable[..., Any], cells: Any) -> None:
        signature = model.signature()  # type: ignore[attr-defined]
        source = iter(cells[number] for number in range(sum(cell_count(p.type) for p in signature.parameters)))
        arguments = [from_cells(parameter.type, source) for parameter in signature.parameters]
        for number, cell in enumerate(to_cells(signature.result, model(*arguments))):
            cells[number] = cell


def compile_native(program: Program, optimise: int = 2) -> NativeModule:
    """Compiles every function of the program for this process; `optimise` is 0 or 2, or 1: by the passes for cold
    code."""
    return NativeModule(program, optimise)


def _engine(text: str, level: int) -> llvm.ExecutionEngine:
    machine = target_machine(HOST, level)
    module = parse(text)
    if level:
        run_optimiser(module, machine, level, quick=level == 1)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def _wrapper(module: ModuleText, function: Function, number: int) -> list[str]:
    """A function that takes its arguments from cells and leaves its results there."""
    w = Writer(module, function)
    loc = function.loc
    arguments, first = [], 0
    for parameter in function.parameters:
        place = w.value(f"getelementptr i64, ptr %cells, i64 {first}", loc)
        arguments.append(f"{register_type(parameter.type)} {read_cells(w, place, parameter.type, loc)}")
        first += len(scalar_types(parameter.type))
    call = f"call {register_type(function.result)} {module.quote(function.symbol)}({', '.join(arguments)}) noinline"
    if isinstance(function.result, Void):
        w.emit(call, loc)
    else:
        write_cells(w, "%cells", w.value(call, loc), function.result, loc)
    w.terminate("ret void", loc)
    return [f"define void @enter.{number}(ptr %cells) #0 {{", *w.finish(), "}"]


def _access_device(request: int, cells: Any) -> None:
    """A register of the host's bus: cells hold address or port, width in bytes, value."""
    space: Space = "mmio" if request in (MMIO_READ, MMIO_WRITE) else "port"
    where, width = int(cells[0]), int(cells[1])
    if request in (MMIO_READ, PORT_READ):
        cells[0] = host.bus.read(space, where, width)
    else:
        host.bus.write(space, where, width, int(cells[2]))
