"""Static memory, function tables and assembled stubs as LLVM constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from codegen.ir.nodes import Data, FunctionTable, Relocation, Stub

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText

IMAGE_BASE = 0xFFFF_FFFF_8000_0000
"""Virtual address of an image's first byte: the top 2 GiB (code model kernel)."""

_BYTES = [chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:02X}" for byte in range(256)]
_RELOCATION_SIZE = {"abs64": 8, "abs32": 4, "pc32": 4}


def byte_string(contents: bytes) -> str:
    """LLVM's `c"…"`."""
    return 'c"' + "".join(_BYTES[byte] for byte in contents) + '"'


def print_data(module: ModuleText, data: Data, shared: bool = False) -> str:
    """A definition. `shared`: for other modules too, in a section of its own, so that the linker can drop it."""
    linkage = "hidden" if shared or data.hidden and not module.target.host else "internal"
    if data.contents is None:
        type_, value = f"[{data.size} x i8]", "zeroinitializer"
    elif data.relocations:
        type_, value = _packed(module, data.symbol, data.contents, data.relocations)
    else:
        type_, value = f"[{data.size} x i8]", byte_string(data.contents)
    kind = "constant" if data.constant else "global"
    place = "" if module.target.host else data.section
    if shared and not place:
        place = f".{'bss' if data.contents is None else 'rodata' if data.constant else 'data'}.{data.symbol}"
    section = f', section "{place}"' if place else ""
    debug = module.debug.data(data) if module.debug else ""
    return f"{module.quote(data.symbol)} = {linkage} {kind} {type_} {value}{section}, align {data.align}{debug}"


def print_literal(module: ModuleText, data: Data) -> str:
    """A byte string that each unit which uses it defines; the linker keeps one of the same name."""
    assert data.contents is not None
    name = module.quote(data.symbol)
    value = f"[{data.size} x i8] {byte_string(data.contents)}"
    return f"${name[1:]} = comdat any\n{name} = linkonce_odr hidden constant {value}, comdat, align {data.align}"


def print_table(module: ModuleText, table: FunctionTable, shared: bool = False) -> str:
    """Addresses of functions; `shared` as for data."""
    entries = ", ".join(f"ptr {module.callee(entry)}" for entry in table.entries)
    value = f"constant [{len(table.entries)} x ptr] [{entries}]"
    debug = module.debug.table(table) if module.debug else ""
    if shared:
        return f'{module.quote(table.symbol)} = hidden {value}, section ".rodata.{table.symbol}"{debug}'
    return f"{module.quote(table.symbol)} = internal {value}{debug}"


def print_stub(module: ModuleText, stub: Stub) -> str:
    """Machine code as a constant in a section of its own, which the linker puts among the functions."""
    type_, value = _packed(module, stub.symbol, stub.code, stub.relocations)
    section = f".stub{stub.section}"
    return f'{module.quote(stub.symbol)} = hidden constant {type_} {value}, section "{section}", align {stub.align}'


def _packed(module: ModuleText, symbol: str, contents: bytes, relocations: Iterable[Relocation]) -> tuple[str, str]:
    """Type and value of a packed structure: bytes, and between them the addresses that the linker fills in."""
    types: list[str] = []
    values: list[str] = []

    def append(type_: str, value: str) -> None:
        types.append(type_)
        values.append(f"{type_} {value}")

    position = 0
    for relocation in sorted(relocations, key=lambda each: each.offset):
        if relocation.offset > position:
            piece = contents[position : relocation.offset]
            append(f"[{len(piece)} x i8]", byte_string(piece))
        for field in _address(module, symbol, relocation):
            append(*field)
        position = relocation.offset + _RELOCATION_SIZE[relocation.kind]
    if position < len(contents):
        append(f"[{len(contents) - position} x i8]", byte_string(contents[position:]))
    return f"<{{ {', '.join(types)} }}>", f"<{{ {', '.join(values)} }}>"


def _address(module: ModuleText, symbol: str, relocation: Relocation) -> list[tuple[str, str]]:
    """The address as constant expressions; LLVM makes the relocation of them (R_X86_64_64, _32, _PC32)."""
    size = f"i{module.target.pointer_bits}"
    target = f"getelementptr (i8, ptr {module.symbol(relocation.symbol)}, {size} {relocation.addend})"
    if relocation.kind == "abs64":
        return [("ptr", target)] if size == "i64" else [("ptr", target), ("i32", "0")]
    if relocation.kind == "abs32" and size == "i32":
        return [("ptr", target)]
    number = f"ptrtoint (ptr {target} to {size})"
    if relocation.kind == "pc32":
        # The addend counts from the field itself, as in ELF: -4 for the operand of a call.
        place = f"getelementptr (i8, ptr {module.quote(symbol)}, {size} {relocation.offset})"
        number = f"sub ({size} {number}, {size} ptrtoint (ptr {place} to {size}))"
    return [("i32", number if size == "i32" else f"trunc (i64 {number} to i32)")]
