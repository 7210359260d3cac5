"""DWARF as LLVM metadata: files, functions, lines, locals and static memory. Types are in `debug_types`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.back.debug_types import DebugTypes, derived
from codegen.back.memory import local_name
from codegen.back.metadata import Metadata
from codegen.ir.nodes import Data, Function, FunctionTable, Loc, Local

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText
    from codegen.back.writer import Writer

PRODUCER = "clang (Keelback)"
"""gdb trusts line tables about where a function's first line begins only if they are LLVM's, by this first word."""

RETURNED_IN_REGISTERS = 16
"""Bytes of a result that debuggers find by the platform's calling convention; longer ones are ours alone."""


class DebugInfo:
    """The debug information of one module. Source paths are the front end's, relative to the tree, and so are the
    directories: the same sources give the same bytes in any place. A `partial` module leaves the program's layouts to
    the module that its units share.
    """

    def __init__(self, module: ModuleText, partial: bool) -> None:
        self._module = module
        self._metadata = Metadata()
        pointer_bytes = module.target.pointer_bits // 8
        self._partial = partial
        elsewhere = module.program.described if partial else frozenset[str]()
        self._types = DebugTypes(self._metadata, module.program.shapes, pointer_bytes, elsewhere)
        self._files: dict[str, int] = {}
        self._scope_files: dict[int, str] = {}
        self._scopes: dict[tuple[int, str], int] = {}
        self._locations: dict[tuple[int, int, int], str] = {}
        self._globals: list[int] = []
        self._unit = self._metadata.node("")

    def _file(self, path: str) -> int:
        number = self._files.get(path)
        if number is None:
            number = self._files[path] = self._metadata.node(f'!DIFile(filename: "{path}", directory: ".")')
        return number

    def subprogram(self, function: Function) -> int:
        """The metadata of a function; the scope of its locations."""
        file = self._file(function.loc.file)
        number = self._metadata.node(
            f'distinct !DISubprogram(name: "{function.name}", scope: !{file}, file: !{file}, '
            f"line: {function.loc.line}, type: !{self._signature(function)}, "
            f"scopeLine: {function.loc.line}, spFlags: DISPFlagDefinition, unit: !{self._unit})"
        )
        self._scope_files[number] = function.loc.file
        return number

    def _signature(self, function: Function) -> int:
        result = function.result_shape
        if result and self._types.size(result) > RETURNED_IN_REGISTERS:
            result = ""
        shapes = [result, *(parameter.shape for parameter in function.parameters)]
        types = ", ".join(f"!{self._types.number(shape)}" if shape else "null" for shape in shapes)
        return self._routine(types)

    def _routine(self, types: str) -> int:
        """The type of functions: result, then parameters."""
        return self._metadata.node(f"!DISubroutineType(types: !{self._metadata.node(f'!{{{types}}}')})")

    def location(self, loc: Loc, scope: int) -> str:
        """What stands behind an instruction."""
        if loc.file != self._scope_files[scope]:
            scope = self._scope_of_file(scope, loc.file)
        key = (scope, loc.line, loc.column)
        text = self._locations.get(key)
        if text is None:
            number = self._metadata.node(f"!DILocation(line: {loc.line}, column: {loc.column}, scope: !{scope})")
            text = self._locations[key] = f", !dbg !{number}"
        return text

    def _scope_of_file(self, scope: int, file: str) -> int:
        """The part of a function that was written in another file."""
        key = (scope, file)
        if key not in self._scopes:
            text = f"!DILexicalBlockFile(scope: !{scope}, file: !{self._file(file)}, discriminator: 0)"
            self._scopes[key] = self._metadata.node(text)
            self._scope_files[self._scopes[key]] = file
        return self._scopes[key]

    def locals(self, w: Writer) -> list[str]:
        """Instructions that name the stack memory of parameters and of the source's locals, as far as there is any;
        temporaries have no shape.

        In optimised code a local that begins as the result of a call with arguments on the stack goes without a name:
        LLVM's minsize code takes these off by POP only if nothing stands behind the call, not even a name.
        """
        parameters = [(local, f"arg: {number}, ") for number, local in enumerate(w.function.parameters, 1)]
        named = [*parameters, *((local, "") for local in w.function.locals)]
        return [
            self._declaration(w, local, argument)
            for local, argument in named
            if local.shape
            and local_name(local) in w.stack_names
            and not (self._module.optimised and local.number in w.results_of_stack_calls)
        ]

    def _declaration(self, w: Writer, local: Local, argument: str) -> str:
        self._module.declare("declare void @llvm.dbg.declare(metadata, metadata, metadata)")
        file, type_ = self._file(w.function.loc.file), self._types.number(local.shape)
        variable = self._metadata.node(
            f'!DILocalVariable(name: "{local.name}", {argument}scope: !{w.scope}, '
            f"file: !{file}, line: {local.loc.line}, type: !{type_})"
        )
        place = f"metadata ptr {local_name(local)}, metadata !{variable}, metadata !DIExpression()"
        return f"  call void @llvm.dbg.declare({place}){w.location(local.loc)}"

    def data(self, data: Data) -> str:
        """What stands behind the definition of static memory that has a name in the source."""
        return self._global(data.symbol, self._types.number(data.shape)) if data.shape else ""

    def table(self, table: FunctionTable) -> str:
        """The same of a function table: gdb shows the functions' names."""
        routine = self._routine("null")
        size = self._module.target.pointer_bits
        pointer = self._metadata.node(derived("pointer_type", f"baseType: !{routine}, size: {size}"))
        count = len(table.entries)
        bounds = self._metadata.tuple([self._metadata.node(f"!DISubrange(count: {count})")])
        text = f"tag: DW_TAG_array_type, baseType: !{pointer}, size: {size * count}, elements: {bounds}"
        return self._global(table.symbol, self._metadata.node(f"!DICompositeType({text})"))

    def _global(self, name: str, type_: int) -> str:
        variable = self._metadata.node(
            f'distinct !DIGlobalVariable(name: "{name}", scope: !{self._unit}, type: !{type_}, '
            "isLocal: false, isDefinition: true)"
        )
        number = self._metadata.node(f"!DIGlobalVariableExpression(var: !{variable}, expr: !DIExpression())")
        self._globals.append(number)
        return f", !dbg !{number}"

    def metadata(self) -> list[str]:
        """Everything collected. The language is called C so that gdb evaluates expressions."""
        if not self._partial:
            self._types.describe_all()
        file = self._file("keelback")
        retained, held = self._types.retained(), self._metadata.tuple(self._globals)
        optimised = str(self._module.optimised).lower()
        self._metadata.fill(
            self._unit,
            f'distinct !DICompileUnit(language: DW_LANG_C11, file: !{file}, producer: "{PRODUCER}", '
            f"isOptimized: {optimised}, runtimeVersion: 0, emissionKind: FullDebug, retainedTypes: {retained}, "
            f"globals: {held}, nameTableKind: None)",
        )
        version = self._metadata.node('!{i32 2, !"Debug Info Version", i32 3}')
        dwarf = self._metadata.node('!{i32 7, !"Dwarf Version", i32 4}')
        return [
            f"!llvm.dbg.cu = !{{!{self._unit}}}",
            f"!llvm.module.flags = !{{!{version}, !{dwarf}}}",
            *self._metadata.lines(),
        ]
