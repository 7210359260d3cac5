"""DWARF as LLVM metadata: files, functions, lines, and locals of scalar types."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from codegen.back.memory import local_address
from codegen.ir.nodes import Function, Loc, Local
from codegen.ir.types import Bool, Int, Ptr, Type

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText
    from codegen.back.writer import Writer


class DebugInfo:
    """Numbers and collects the metadata of one module. Source paths are the front end's, relative to the tree."""

    def __init__(self, module: ModuleText) -> None:
        self._module = module
        self._nodes: list[str] = []
        self._files: dict[str, int] = {}
        self._scope_files: dict[int, str] = {}
        self._types: dict[Type, int] = {}
        self._scopes: dict[tuple[int, str], int] = {}
        self._locations: dict[tuple[int, int, int], str] = {}
        self._unit = self._node("")  # filled at the end: it needs a file
        self._no_types = self._node("!{}")
        self._signature = self._node(f"!DISubroutineType(types: !{self._no_types})")

    def _node(self, text: str) -> int:
        self._nodes.append(text)
        return len(self._nodes) - 1

    def _file(self, path: str) -> int:
        number = self._files.get(path)
        if number is None:
            directory, name = os.path.split(path)
            number = self._files[path] = self._node(f'!DIFile(filename: "{name}", directory: "{directory}")')
        return number

    def subprogram(self, function: Function) -> int:
        """The metadata of a function; the scope of its locations."""
        number = self._node(
            f'distinct !DISubprogram(name: "{function.name}", linkageName: "{function.symbol}", '
            f"scope: !{self._file(function.loc.file)}, file: !{self._file(function.loc.file)}, "
            f"line: {function.loc.line}, type: !{self._signature}, scopeLine: {function.loc.line}, "
            f"spFlags: DISPFlagDefinition, unit: !{self._unit})"
        )
        self._scope_files[number] = function.loc.file
        return number

    def location(self, loc: Loc, scope: int) -> str:
        """What stands behind an instruction."""
        if loc.file != self._scope_files[scope]:
            scope = self._scope_of_file(scope, loc.file)
        key = (scope, loc.line, loc.column)
        text = self._locations.get(key)
        if text is None:
            number = self._node(f"!DILocation(line: {loc.line}, column: {loc.column}, scope: !{scope})")
            text = self._locations[key] = f", !dbg !{number}"
        return text

    def _scope_of_file(self, scope: int, file: str) -> int:
        """The part of a function that was written in another file."""
        key = (scope, file)
        if key not in self._scopes:
            text = f"!DILexicalBlockFile(scope: !{scope}, file: !{self._file(file)}, discriminator: 0)"
            self._scopes[key] = self._node(text)
            self._scope_files[self._scopes[key]] = file
        return self._scopes[key]

    def _type(self, type_: Type) -> int | None:
        if type_ not in self._types:
            match type_:
                case Int(bits, signed):
                    encoding = "DW_ATE_signed" if signed else "DW_ATE_unsigned"
                    text = f'!DIBasicType(name: "{type_}", size: {bits}, encoding: {encoding})'
                case Bool():
                    text = '!DIBasicType(name: "bool", size: 8, encoding: DW_ATE_boolean)'
                case Ptr():
                    bits = self._module.target.pointer_bits
                    text = f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: null, size: {bits})"
                case _:
                    return None
            self._types[type_] = self._node(text)
        return self._types[type_]

    def declare_locals(self, w: Writer) -> None:
        """Names the stack memory of parameters and locals, of those types that a debugger can show."""
        self._module.declare("declare void @llvm.dbg.declare(metadata, metadata, metadata)")
        for number, parameter in enumerate(w.function.parameters, 1):
            self._declare(w, parameter, f"arg: {number}, ")
        for local in w.function.locals:
            if local.name.isidentifier():
                self._declare(w, local, "")

    def _declare(self, w: Writer, local: Local, argument: str) -> None:
        type_ = self._type(local.type)
        if type_ is None:
            return
        variable = self._node(
            f'!DILocalVariable(name: "{local.name}", {argument}scope: !{w.scope}, '
            f"file: !{self._file(w.function.loc.file)}, line: {local.loc.line}, type: !{type_})"
        )
        place = f"metadata ptr {local_address(w, local)}, metadata !{variable}, metadata !DIExpression()"
        w.emit(f"call void @llvm.dbg.declare({place})", local.loc)

    def metadata(self) -> list[str]:
        """Everything collected. The language is called C so that gdb evaluates expressions."""
        # The unit's directory is what debuggers start at: the root of the tree, where they run.
        file = self._node('!DIFile(filename: "keelback", directory: ".")')
        self._nodes[self._unit] = (
            f'distinct !DICompileUnit(language: DW_LANG_C11, file: !{file}, producer: "Keelback", isOptimized: true, '
            "runtimeVersion: 0, emissionKind: FullDebug)"
        )
        version = self._node('!{i32 2, !"Debug Info Version", i32 3}')
        dwarf = self._node('!{i32 7, !"Dwarf Version", i32 4}')
        return [
            f"!llvm.dbg.cu = !{{!{self._unit}}}",
            f"!llvm.module.flags = !{{!{version}, !{dwarf}}}",
            *(f"!{number} = {text}" for number, text in enumerate(self._nodes)),
        ]
