"""Static memory, function tables and assembled stubs as LLVM constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from codegen.ir.nodes import Data, FunctionTable, Relocation, Stub

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText

IMAGE_BASE = 0xFFFF_FFFF_8000_0000
"""Virtual address of physical address 0 in an image: it is linked in the top 2 GiB (code model kernel)."""

_BYTES = [chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:02X}" for byte in range(256)]
_RELOCATION_SIZE = {"abs64": 8, "abs32": 4, "phys32": 4, "pc32": 4}


def byte_string(contents: bytes) -> str:
    """LLVM's `c"…"`."""
    return 'c"' + "".join(_BYTES[byte] for byte in contents) + '"'


def print_data(module: ModuleText, data: Data) -> str:
    linkage = "hidden" if data.hidden and not module.target.host else "internal"
    if data.contents is None:
        type_, value = f"[{data.size} x i8]", "zeroinitializer"
    elif data.relocations:
        type_, value = _packed(module, data.symbol, data.contents, data.relocations)
    else:
        type_, value = f"[{data.size} x i8]", byte_string(data.contents)
    kind = "constant" if data.constant else "global"
    section = f', section "{data.section}"' if data.section and not module.target.host else ""
    return f"{module.quote(data.symbol)} = {linkage} {kind} {type_} {value}{section}, align {data.align}"


def print_table(module: ModuleText, table: FunctionTable) -> str:
    entries = ", ".join(f"ptr {module.callee(entry)}" for entry in table.entries)
    return f"{module.quote(table.symbol)} = internal constant [{len(table.entries)} x ptr] [{entries}]"


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
        append(*_address(module, symbol, relocation))
        position = relocation.offset + _RELOCATION_SIZE[relocation.kind]
    if position < len(contents):
        append(f"[{len(contents) - position} x i8]", byte_string(contents[position:]))
    return f"<{{ {', '.join(types)} }}>", f"<{{ {', '.join(values)} }}>"


def _address(module: ModuleText, symbol: str, relocation: Relocation) -> tuple[str, str]:
    """The address as a constant expression; LLVM makes the relocation of it (R_X86_64_64, _32 and _PC32)."""
    target = module.symbol(relocation.symbol)
    if relocation.kind == "abs64" and module.target.pointer_bits == 64:
        return "ptr", f"getelementptr (i8, ptr {target}, i64 {relocation.addend})"
    number = f"ptrtoint (ptr {target} to i64)"
    if relocation.kind == "abs64":
        return "i64", f"add (i64 {number}, i64 {relocation.addend})"
    if relocation.kind == "pc32":
        # The addend counts from the field itself, as in ELF: -4 for the operand of a call.
        place = f"ptrtoint (ptr getelementptr (i8, ptr {module.quote(symbol)}, i64 {relocation.offset}) to i64)"
        number = f"add (i64 sub (i64 {number}, i64 {place}), i64 {relocation.addend})"
    else:
        base = IMAGE_BASE if relocation.kind == "phys32" else 0
        number = f"add (i64 {number}, i64 {relocation.addend - base})"
    return "i32", f"trunc (i64 {number} to i32)"
