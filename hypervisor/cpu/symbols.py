"""Functions and source lines by address, from the symbol file in the archive that belongs to this very image."""

from __future__ import annotations

from boot.info import FileKind
from codegen.lang import (
    Field,
    Hva,
    Span,
    Struct,
    at,
    fn,
    len,
    range,
    sizeof,
    span_at,
    storage,
    u32,
    u64,
    usize,
    view_at,
)
from codegen.lang.symbol_file import (
    LINE_BITS,
    SYMBOL_FILE_MAGIC,
    SymbolFile,
    SymbolFunction,
    SymbolLine,
    SymbolSource,
)
from hypervisor.archive import archive_file, archive_next
from hypervisor.memory.image_layout import ImageBound, image_bound


class Word(Struct, size=8):
    """Eight bytes of code."""

    value: Field[u64] = at(0)


class Symbols(Struct):
    """Where the file lies; length 0 when there is none."""

    file: Field[Hva]
    length: Field[usize]


SYMBOLS = storage(Symbols)


@fn(cold=True)
def choose_symbols() -> None:
    """Take the archive's symbol file that was made of this very code. Without it, addresses stay numbers."""
    number = archive_next(FileKind.SYMBOLS, u32(0))
    while number is not None:
        content = archive_file(number)
        if content is not None:
            SYMBOLS.file = content.address()
            SYMBOLS.length = len(content)
            start = header()
            if start is not None and start.text_sum == text_sum():
                return
        number = archive_next(FileKind.SYMBOLS, number + 1)
    SYMBOLS.length = usize(0)


@fn(cold=True)
def text_sum() -> u64:
    """Of our code, as SymbolFile.text_sum."""
    total = u64(0)
    for address in range(image_bound(ImageBound.TEXT_START), image_bound(ImageBound.TEXT_END), 8):
        total = total.rotate_left(1).wrapping_add(view_at(Word, Hva(address)).value)
    return total


@fn(cold=True)
def symbol_file() -> Span:
    """All bytes of the file."""
    return span_at(SYMBOLS.file, SYMBOLS.length)


@fn(cold=True)
def header() -> SymbolFile | None:
    """None when there is no file or it is damaged."""
    found = symbol_file().view(0, SymbolFile)
    if found is None or found.magic != SYMBOL_FILE_MAGIC:
        return None
    return found


@fn(cold=True)
def offset_of(start: SymbolFile, address: u64) -> u32 | None:
    """An address as the file counts it."""
    offset = address.wrapping_sub(start.base)
    if offset >= u64(1) << 32:
        return None
    return u32.trunc(offset)


@fn(cold=True)
def function_name(address: u64) -> Span | None:
    """The function that has code at `address`."""
    start = header()
    if start is None:
        return None
    offset = offset_of(start, address)
    if offset is None:
        return None
    low = u32(0)
    high = start.function_count
    while low < high:
        middle = low + (high - low) // 2
        entry = symbol_file().view(u64(start.functions) + u64(middle) * sizeof(SymbolFunction), SymbolFunction)
        if entry is None:
            return None
        if offset < entry.start:
            high = middle
        elif offset >= entry.end:
            low = middle + 1
        else:
            return text_at(entry.name, entry.name_length)
    return None


@fn(cold=True)
def line_place(address: u64) -> u32 | None:
    """File and line of the code at `address`, as in SymbolLine.place; None when no source is known."""
    start = header()
    if start is None:
        return None
    offset = offset_of(start, address)
    if offset is None:
        return None
    place = u32(0)
    low = u32(0)
    high = start.line_count
    while low < high:
        middle = low + (high - low) // 2
        entry = symbol_file().view(u64(start.lines) + u64(middle) * sizeof(SymbolLine), SymbolLine)
        if entry is None:
            return None
        if offset < entry.start:
            high = middle
        else:
            place = entry.place
            low = middle + 1
    if line_of(place) == 0:
        return None
    return place


@fn(cold=True)
def line_of(place: u32) -> u32:
    """The line number, 0 for none."""
    return place & ((1 << LINE_BITS) - 1)


@fn(cold=True)
def source_of(place: u32) -> Span | None:
    """The name of the file."""
    start = header()
    if start is None:
        return None
    entry = symbol_file().view(u64(start.files) + u64(place >> LINE_BITS) * sizeof(SymbolSource), SymbolSource)
    if entry is None:
        return None
    return text_at(entry.name, entry.name_length)


@fn(cold=True)
def text_at(offset: u32, length: u32) -> Span | None:
    """Characters in the file, where they are inside."""
    content = symbol_file()
    if u64(offset) + u64(length) > u64(len(content)):
        return None
    return content.slice(offset, length)
