"""The calls that led here, by the chain of frame pointers; every function of the image keeps one."""

from __future__ import annotations

from codegen.lang import Field, Hva, Struct, at, fn, intrinsic, range, u32, u64, view_at
from hypervisor.console.log import log_panic
from hypervisor.cpu.symbols import function_name, line_of, line_place, source_of
from hypervisor.memory.image_layout import ImageBound, image_bound
from hypervisor.memory.page_table import TABLES, translate

DEPTH_MAX = 32


class StackFrame(Struct, size=16, align=8):
    """What a function's prologue leaves: push rbp; mov rbp, rsp."""

    caller: Field[u64] = at(0)
    return_address: Field[u64] = at(8)


@intrinsic("movq %rbp, $0", "=r")
def frame_pointer() -> u64:
    """RBP: the StackFrame of the function that asks. On the host there is none."""
    return u64(0)


@fn(cold=True)
def print_stack(first: u64) -> None:
    """One line per return address, from the StackFrame at `first` outwards; stops at what is no frame of ours."""
    here = first
    for _ in range(u32(DEPTH_MAX)):
        if not is_readable(here):
            return
        frame = view_at(StackFrame, Hva(here))
        if not is_code(frame.return_address):
            return
        print_place(frame.return_address - 1)  # inside the call: what follows may be another line
        if frame.caller <= here:  # stacks grow down: callers lie higher
            return
        here = frame.caller


@fn(cold=True)
def print_place(address: u64) -> None:
    """An address of code, with function, file and line as far as the symbol file knows them."""
    name = function_name(address)
    if name is None:
        log_panic(f"  {address:#018x}")
        return
    place = line_place(address)
    if place is not None:
        source = source_of(place)
        if source is not None:
            log_panic(f"  {address:#018x} {name} at {source}:{line_of(place)}")
            return
    log_panic(f"  {address:#018x} {name}")


@fn
def is_code(address: u64) -> bool:
    """Inside the image's text."""
    return image_bound(ImageBound.TEXT_START) <= address and address < image_bound(ImageBound.TEXT_END)


@fn(cold=True)
def is_readable(address: u64) -> bool:
    """Sixteen aligned bytes that are mapped: a broken stack must not end in a second fault."""
    if address & 7 != 0 or address & 0xFFF > 0xFF0:
        return False
    if u64(TABLES.root) == 0:  # the loader's tables are still in use: trust the image's own stack only
        return image_bound(ImageBound.IMAGE_START) <= address and address < image_bound(ImageBound.IMAGE_END)
    return address >= u64(1) << 63 and translate(address) is not None
