# ruff: noqa
# fmt: off
from codegen.lang import Field, HwEnum, Span, Struct, TextSink, fn, i64, u32, u64


class Mode(HwEnum, repr=u32):
    USER = 0


class Node(Struct):
    x: Field[u64]


@fn
def begin() -> None:
    pass


@fn
def text(piece: Span) -> None:
    pass


@fn
def unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    pass


@fn
def signed(value: i64, width: u32) -> None:
    pass


log = TextSink(begin=begin, text=text, unsigned=unsigned, signed=signed, end=begin)
broken = TextSink(begin=begin, text=begin, unsigned=unsigned, signed=signed, end=begin)
NAME = b"name"


@fn
def no_text(n: u32) -> None:
    log(n)
#       ^ error: a text sink takes an f-string or a string


@fn
def two_texts(n: u32) -> None:
    log("a", "b")
#   ^^^^^^^^^^^^^ error: log takes 1 positional argument


@fn
def conversion(n: u32) -> None:
    log(f"{n!r}")
#          ^ error: `!r` and the like are not in the language


@fn
def computed_format(n: u32) -> None:
    log(f"{n:{n}}")
#          ^ error: a format is constant


@fn
def bytes_in_text() -> None:
    log(f"{NAME}")
#          ^^^^ error: bytes have no text in Python
#          help: write `span(NAME)`


@fn
def struct_in_text(n: Node) -> None:
    log(f"node {n}")
#               ^ error: `Node` has no text


@fn
def formatted_enum(m: Mode) -> None:
    log(f"{m:x}")
#          ^ error: `Mode` takes no format


@fn
def unknown_format(n: u32) -> None:
    log(f"{n:.3f}")
#          ^ error: the format `.3f` of `u32` is not in the language
#          help: formats are d, x, #x, 0Nx, #0Nx and N


@fn
def signed_hexadecimal(n: i64) -> None:
    log(f"{n:#x}")
#          ^ error: the format `#x` of `i64` is not in the language
#          help: formats are d, x, #x, 0Nx, #0Nx and N


@fn
def misspelt_in_text(n: u32) -> None:
    log(f"{m}")
#          ^ error: unknown name `m`


@fn
def broken_sink() -> None:
    broken("text")
#   ^^^^^^^^^^^^^^ error: text.begin has not the parameters that a text sink needs
#   note: it is declared here: `begin` in `def begin() -> None:`
