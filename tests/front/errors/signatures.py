# ruff: noqa
# fmt: off
from __future__ import annotations

from typing import Never, Optional, TypeVar

from codegen.lang import Field, Struct, contract, fn, implements, intrinsic, stub, u8, u16, u32, u64

T = TypeVar("T")


class Node(Struct):
    value: Field[u64]


@contract
def vcpu_run(node: Node, count: u32) -> u64: ...


@contract
def vcpu_stop(node: Node) -> None: ...


@contract
def vcpu_reset(node: Node) -> Nodes: ...
#                             ^^^^^ error: unknown name `Nodes`
#                             help: did you mean `Node`?


@contract
def vcpu_pause(node: Node) -> None: ...


@contract
def vcpu_kick(node: Node, cpu: u32) -> None: ...


@contract
def not_implemented() -> None: ...


@implements(vcpu_run)
@fn
def run(node: Node, count: u64) -> u32:
#                          ^^^ error: parameter `count`: expected `u32`, found `u64`
#                          note: the contract declares it here: `u32` in `def vcpu_run(node: Node, count: u32) -> u64: ...`
#                                  ^^^ error: the result: expected `u64`, found `u32`
#                                  note: the contract declares it here: `u64` in `def vcpu_run(node: Node, count: u32) -> u64: ...`
    return u32(count)


@implements(vcpu_stop)
@fn
def stop(node: Node, now: bool) -> None:
#   ^^^^ error: signatures.stop takes 2 parameters, its contract 1
#   note: the contract takes 1: `vcpu_stop` in `def vcpu_stop(node: Node) -> None: ...`
    pass


@implements(vcpu_reset)
@fn
def reset(node: Node) -> None:
    pass


@implements(vcpu_pause)
@fn
def pause(node: Node) -> None:
    pass


@implements(vcpu_pause)
@fn
def pause_again(node: Node) -> None:
#   ^^^^^^^^^^^ error: two functions of this image implement signatures.vcpu_pause
#   note: the other one: `pause` in `def pause(node: Node) -> None:`
    pass


@implements(vcpu_kick)
@fn
def kick(node: Node, processor: u32) -> None:
#                               ^^^ error: parameter `processor` is called `cpu` in the contract
#                               note: the contract declares it here: `u32` in `def vcpu_kick(node: Node, cpu: u32) -> None: ...`
    pass


@fn
def calls_a_contract() -> None:
    not_implemented()
#   ^^^^^^^^^^^^^^^^^ error: no module of this image implements the contract signatures.not_implemented
#   note: the contract is declared here: `not_implemented` in `def not_implemented() -> None: ...`


@fn
def no_annotation(n) -> None:
#                 ^ error: signatures.no_annotation: parameter n has no annotation
    pass


@fn
def no_result_annotation(n: u32):
#   ^^^^^^^^^^^^^^^^^^^^ error: signatures.no_result_annotation has no result annotation
#   help: write `-> None` when it gives nothing
    pass


@fn
def default(n: u32 = 3) -> None:
#   ^^^^^^^ error: signatures.default: parameters have no defaults
    pass


@fn
def misspelt_type(n: u23) -> None:
#                    ^^^ error: unknown name `u23`
#                    help: did you mean `u32`?
    pass


@fn
def not_imported(n: u32) -> i64:
#                           ^^^ error: unknown name `i64`
#                           help: `from codegen.lang import i64`
    pass


@fn
def python_type(n: int) -> None:
#                  ^^^ error: signatures.python_type: parameter `n` has a type that is not in the language
    pass


@fn
def python_result() -> dict[str, int]:
#                      ^^^^^^^^^^^^^^ error: signatures.python_result: the result has a type that is not in the language
    pass


@fn
def none_parameter(n: None) -> None:
#                     ^^^^ error: signatures.none_parameter: parameter `n` has a type that is not in the language
    pass


@fn
def type_variable(n: T) -> None:
#                    ^ error: type variable T needs @fn(where={"T": …})
    pass


@fn
def several_errors(n: u32 | u64 | None) -> None:
#                     ^^^^^^^^^^^^^^^^ error: signatures.several_errors: parameter `n` has a type that is not in the language
    pass


@fn(export="one")
def first() -> None:
    pass


@fn(export="one")
def second() -> None:
#   ^^^^^^ error: two functions are exported as `one`
#   note: the other one: `first` in `def first() -> None:`
    pass


@fn(export="no symbol")
def spaced() -> None:
#   ^^^^^^ error: `no symbol` is no symbol
    pass


@stub("movv rax, rbx")
def unfinished() -> None: ...
#   ^^^^^^^^^^ error: signatures.unfinished does not assemble: Invalid mnemonic (KS_ERR_ASM_MNEMONICFAIL) line 1: movv rax, rbx


@stub("{{ call('somewhere') }}")
def undeclared() -> None: ...
#   ^^^^^^^^^^ error: signatures.undeclared does not assemble: somewhere is not among the stub's externals


@stub("mov rax, {{ offset }}")
def undefined() -> None: ...
#   ^^^^^^^^^ error: signatures.undefined does not assemble: 'offset' is undefined


@fn
def reaches_stubs() -> None:
    unfinished()
    undeclared()
    undefined()


@fn
def forward(n: Optional["Node"]) -> None:
#              ^^^^^^^^^^^^^^^^ error: write the annotation 'Node' as one string
    pass


@fn
def no_union(n: u32 | 3) -> None:
#   ^^^^^^^^ error: signatures.no_union: unsupported operand type(s) for |: 'type' and 'int'
    pass
