# ruff: noqa
# fmt: off
from codegen.lang import (
    Array, Field, Gpa, Hpa, Hva, Local, MmioBlock, PortBlock, Reg, Span, Struct, address_of, at, count, fn, len, mmio, overlay,
    phys, phys_span, ports, per_cpu, sizeof, span, span_at, span_of, storage, trap_site, u8, u16, u32, u64, view_at,
)


class Small(Struct):
    x: Field[u32]


class Large(Struct):
    x: Array[u64] = count(4)
    bytes: Array[u8] = count(8)


class Cpu(Struct):
    self_address: Field[Hva]
    count: Field[u32]


class Lapic(MmioBlock, size=0x1000):
    id: Reg[u32] = at(0x20)


class Uart(PortBlock, size=8):
    data: Reg[u8] = at(0)


CPU = per_cpu(Cpu)
SECOND = per_cpu(Cpu)
LOOSE = Local(Small)


@fn
def address_type(gpa: Gpa) -> Small:
    return phys(Small, gpa)
#                      ^^^ error: the address: expected `Hpa`, found `Gpa`


@fn
def no_struct(hpa: Hpa) -> None:
    x = phys(u32, hpa)
#            ^^^ error: a Struct class belongs here


@fn
def length_type(hpa: Hpa, n: bool) -> Span:
    return phys_span(hpa, n)
#                         ^ error: a length is of an unsigned type, not `bool`


@fn
def virtual_address(hpa: Hpa) -> Small:
    return view_at(Small, hpa)
#                         ^^^ error: the address: expected `Hva`, found `Hpa`


@fn
def virtual_span(hva: u64) -> Span:
    return span_at(hva, 3)
#                  ^^^ error: the address: expected `Hva`, found `u64`
#                  help: write `Hva(...)`


@fn
def overlay_does_not_fit(s: Small) -> Large:
    return overlay(Large, s)
#          ^^^^^^^^^^^^^^^^^ error: `Large` (40 bytes, align 8) does not fit 4 bytes, align 4


@fn
def overlay_of_a_number(n: u32) -> Large:
    return overlay(Large, n)
#                         ^ error: an overlay lies over an array or a struct, not `u32`


@fn
def span_of_a_number(n: u32) -> Span:
    return span_of(n)
#          ^^^^^^^^^^ error: span_of takes a struct, not `u32`


@fn
def span_of_text(n: u32) -> Span:
    return span(n)
#          ^^^^^^^ error: span takes bytes, not `u32`


@fn
def no_block(hpa: Hpa) -> u32:
    return mmio(Uart, hpa).data.read()
#               ^^^^ error: an MmioBlock belongs here


@fn
def no_ports(hpa: Hpa) -> u8:
    return ports(Lapic, u16(3)).id.read()
#                ^^^^^ error: a PortBlock belongs here


@fn
def port_width(port: u32) -> u8:
    return ports(Uart, port).data.read()
#                      ^^^^ error: the port: expected `u16`, found `u32`
#                      help: write `u16(...)`, or `u16.trunc(...)` for the low bits


@fn
def site_part(n: u32) -> u32:
    return trap_site(n).column
#                       ^^^^^^ error: a trap site has file, line and kind, no `column`


@fn
def site_type(n: u64) -> u32:
    return trap_site(n).line
#                    ^ error: the site: expected `u32`, found `u64`
#                    help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def address_of_a_number(n: u32) -> Hva:
    return address_of(n)
#          ^^^^^^^^^^^^^ error: address_of takes a struct, not `u32`


@fn
def size_of_a_value(n: u32) -> u32:
    return u32(sizeof(n))
#                     ^ error: sizeof takes a type


@fn
def length_of_a_number(n: u32) -> u32:
    return u32(len(n))
#              ^^^^^^ error: `u32` has no length


@fn
def first_processor() -> u32:
    return CPU.current.count


@fn
def second_processor() -> u32:
    return SECOND.current.count
#          ^^^^^^^^^^^^^^ error: an image has one per_cpu declaration, and this is the second


@fn
def field_of_this_processor(x: u64) -> None:
    CPU.current.count = x
#                       ^ error: field `count`: expected `u32`, found `u64`
#                       note: expected `u32` because of this declaration: `Field[u32]` in `count: Field[u32]`
#                       help: write `u32(...)`, or `u32.trunc(...)` for the low bits


@fn
def not_static() -> u32:
    return LOOSE.x
#          ^^^^^ error: this Small does not lie in static memory
#          help: declare it with `storage(...)`


@fn
def copied_type(s: Small, l: Large) -> None:
    s.copy_from(l)
#               ^ error: the argument: expected `Small`, found `Large`


@fn
def filled_with(s: Span, x: u32) -> None:
    s.fill(x)
#          ^ error: the argument: expected `u8`, found `u32`
#          help: write `u8(...)`, or `u8.trunc(...)` for the low bits


@fn
def misspelt_span_method(s: Span) -> Span:
    return s.slic(0, 1)
#            ^^^^ error: `Span` has no method `slic`
#            help: did you mean `slice`?


@fn
def viewed(s: Span) -> None:
    x = s.view(0, u32)
#                 ^^^ error: a Struct class belongs here


@fn
def array_as_local(l: Large) -> None:
    x = l.bytes
#   ^ error: a local cannot hold `Array[u8]`
