# ruff: noqa
# fmt: off
from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Struct, count, fn, u8, u16, u32


class Node(Struct):
    width: Field[u23]
#                ^^^ error: unknown name `u23`
#                help: did you mean `u32`?
    count: Field[Small]
#          ^^^^^^^^^^^^ error: field `count`: `u16` is declared further down; only structs may be
    owner: Field[Owner | None]
    misspelt: Field[Ownr | None]
#                   ^^^^ error: unknown name `Ownr`
#                   help: did you mean `Owner`?
    atomic: Atomic[u12]
#                  ^^^ error: unknown name `u12`
#                  help: did you mean `u32`?


class Owner(Struct):
    x: Field[u8]


Small = u16
