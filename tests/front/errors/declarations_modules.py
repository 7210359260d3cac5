# ruff: noqa
# fmt: off
from codegen.lang import Field, Local, Struct, contract, fn, fn_table, implements, stub, table, u8, u32, u64
import codegen.lang
import codegen


class Node(Struct):
    x: Field[u32]


@contract
def declared() -> None: ...


@fn
def here() -> None:
    pass
# ----
@fn(inlin=True)
#^^^^^^^^^^^^^^ error: @fn has no option inlin
# help: options are section, noinline, inline, cold, hot, unchecked, export, where
def misspelt_option() -> None:
    pass
# ----
@stub("nop", bits=8)
#^^^^^^^^^^^^^^^^^^^ error: stub: bits is 16, 32 or 64, not 8
def eight_bits() -> None: ...
# ----
@stub("nop", clobbers=("rax",))
#^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error: stub: clobbers ('rax',): of rbx and r12 to r15, in 64-bit code without externals
def clobbers() -> None: ...
# ----
@implements(here)
#^^^^^^^^^^^^^^^^ error: implements takes a contract, not Fn
@fn
def no_contract() -> None:
    pass
# ----
@fn
@implements(declared)
#^^^^^^^^^^^^^^^^^^^^ error: @implements(declared) stands above @fn
def wrong_order() -> None:
    pass
# ----
HANDLERS = fn_table([here, len])
#          ^^^^^^^^^^^^^^^^^^^^^ error: entry 1 of a function table is builtin_function_or_method, not a function of the language
# ----
HANDLERS = fn_table({3: here}, default=here, size=2)
#          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error: entry 3 is outside a table of 2
# ----
TABLE = table(Node | None, [Local(Node)])
#       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error: a table refers to a struct that lies in no static memory
#       help: declare it with `storage(...)`
# ----
def factory(kind: "list[u32]") -> None:
    @fn
    def inner(x: "Nod") -> None:
        pass
    inner.signature()
#   ^^^^^^^^^^^^^^^^^ error: unknown name `Nod`
#   note: while this runs: `factory([])` in `factory([])`
#   help: did you mean `Node`?


factory([])
# ----
from codegen.lang import Feild
#                        ^^^^^ error: `codegen.lang` has no `Feild`
#                        help: did you mean `Field`?
# ----
from codegen.lnag import Field
#            ^^^^ error: there is no module `codegen.lnag`
#            help: did you mean `codegen.lang`?
# ----
import codegen.lagn
#              ^^^^ error: there is no module `codegen.lagn`
#              help: did you mean `codegen.lang`?
# ----
SIZE = Node.y.offset
#           ^ error: `Node` has no `y`
# ----
SIZE = Noed.x.offset
#      ^^^^ error: unknown name `Noed`
#      help: did you mean `None`?
# ----
SIZE = codegen.lang.sizof(u32)
#                   ^^^^^ error: `codegen.lang` has no `sizof`
#                   help: did you mean `sizeof`?
# ----
TOTAL = u32(1) + u64(2)
#       ^^^^^^^^^^^^^^^ error: operand types of + differ: u32 and u64 (write a conversion)
# ----
TOTAL = u32(1) - u32(2)
#       ^^^^^^^^^^^^^^^ error: this traps at build time: overflow in -
# ----
TOTAL = 1 // 0
#       ^^^^^^ error: this fails at build time: ZeroDivisionError: integer division or modulo by zero
# ----
def divided(by: int) -> int:
    return 1 // by
#          ^^^^^^^ error: this fails at build time: ZeroDivisionError: integer division or modulo by zero
#          note: while this runs: `divided(0)` in `TOTAL = divided(0)`


TOTAL = divided(0)
# ----
@fn
def unknown_annotation(x: u23) -> None:
#                         ^^^ error: unknown name `u23`
#                         help: did you mean `u32`?
    pass
# ----
@fn
#^^ error: functions of the language are defined by `def`, without `async` or `lambda`
async def coroutine() -> None:
    pass
# ----
NOTHING = fn(lambda: None)
#         ^^^^^^^^^^^^^^^^ error: functions of the language are defined by `def`, without `async` or `lambda`
