# ruff: noqa
# fmt: off
import builtins

from codegen.lang import fn, u32

COUNT = 3


@fn
def exceptions() -> None:
    try:
#   ^^^ error: there are no exceptions in ring 0
#   help: return `T | E` and test it with isinstance
        pass
    finally:
        pass


@fn
def raising() -> None:
    raise ValueError
#   ^^^^^^^^^^^^^^^^ error: there are no exceptions in ring 0
#   help: return an error value, or `assert` what must hold


@fn
def nested() -> None:
    def inner() -> None:
#       ^^^^^ error: functions cannot be nested
#       help: define it at module level, or in a build-time factory
        pass


@fn
def anonymous() -> None:
    f = lambda: 1
#       ^^^^^^^^^ error: `lambda` is not in the language
#       help: define an `@fn`


@fn
def comprehension() -> None:
    f = [x for x in (1, 2)]
#       ^^^^^^^^^^^^^^^^^^^ error: comprehensions are not in the language
#       help: write a loop, or build it at module level


@fn
def global_write() -> None:
    global COUNT
#   ^^^^^^^^^^^^ error: module variables cannot be assigned
#   help: keep state in `storage(...)`
    COUNT = 4


@fn
def list_display() -> None:
    f = [1, 2]
#       ^^^^^^ error: lists are not in the language
#       help: use `table(...)` or `storage_array(...)` at module level


@fn
def walrus(n: u32) -> u32:
    return (m := n)
#           ^^^^^^ error: `:=` is not in the language
#           help: assign in a statement of its own


@fn
def text() -> None:
    s = "text"
#       ^^^^^^ error: strings stand only in calls of a text sink
#       help: write bytes, b"...", for a span


@fn
def formatted(n: u32) -> None:
    s = f"{n}"
#       ^^^^^^ error: f-strings stand only in calls of a text sink
#       help: for example `log(f"...")`


@fn
def printing() -> None:
    print("x")
#   ^^^^^^^^^^ error: `print` is not in the language
#   help: use a text sink, such as `log(f"...")`


@fn
def python_range(n: u32) -> None:
    for i in builtins.range(3):
#            ^^^^^^^^^^^^^^^^^ error: this is Python's own `range`
#            help: `from codegen.lang import range`
        pass


@fn
def loop_else(n: u32) -> None:
    while n > 3:
        break
    else:
        pass
#       ^^^^ error: `else` of a loop is not in the language
#       help: use a bool local


@fn
def importing() -> None:
    import os
#   ^^^^^^^^^ error: imports stand at module level


@fn
def deleting(n: u32) -> None:
    del n
#   ^^^^^ error: `del` is not in the language


@fn
def starred(*n: u32) -> None:
#            ^^^^^^ error: star parameters are not in the language
    pass


@fn
def empty() -> None:
    ...
#   ^^^ error: a body is missing here


@fn
def no_effect(n: u32) -> None:
    n == 3
#   ^^^^^^ error: this statement has no effect


@fn
def groups(n: u32) -> None:
    try:
#   ^^^ error: there are no exceptions in ring 0
#   help: return `T | E` and test it with isinstance
        pass
    except* ValueError:
        pass


@fn
def nested_async() -> None:
    async def inner() -> None:
#   ^^^^^ error: `async` is not in the language
        pass


@fn
def nested_class() -> None:
    class Inner:
#         ^^^^^ error: classes cannot be defined inside a function
#         help: define the layout at module level
        pass


@fn
def importing_from() -> None:
    from os import path
#   ^^^^^^^^^^^^^^^^^^^ error: imports stand at module level


@fn
def yielding() -> None:
    yield 3
#   ^^^^^^^ error: generators are not in the language


@fn
def yielding_from() -> None:
    yield from (1, 2)
#   ^^^^^^^^^^^^^^^^^ error: generators are not in the language


@fn
def set_display() -> None:
    f = {1, 2}
#       ^^^^^^ error: sets are not in the language


@fn
def dictionary() -> None:
    f = {1: 2}
#       ^^^^^^ error: dictionaries are not in the language
#       help: use `table(...)` at module level


@fn
def set_comprehension() -> None:
    f = {x for x in (1, 2)}
#       ^^^^^^^^^^^^^^^^^^^ error: comprehensions are not in the language
#       help: write a loop, or build it at module level


@fn
def dictionary_comprehension() -> None:
    f = {x: x for x in (1, 2)}
#       ^^^^^^^^^^^^^^^^^^^^^^ error: comprehensions are not in the language
#       help: write a loop, or build it at module level


@fn
def generator() -> None:
    f = (x for x in (1, 2))
#       ^^^^^^^^^^^^^^^^^^^ error: comprehensions are not in the language
#       help: write a loop, or build it at module level


@fn
def star_in_a_tuple(n: u32) -> None:
    f = *n, n
#       ^^ error: star arguments are not in the language
#       help: name every argument


@fn
def build_time_slice() -> None:
    f = (1, 2, 3)[1:2]
#                 ^^^ error: slices are not in the language
#                 help: use `span.slice(offset, length)`


def factory(count: int):
    @fn
    def outer() -> None:
        nonlocal count
#       ^^^^^^^^^^^^^^ error: outer variables cannot be assigned
#       help: keep state in `storage(...)`
        count = 3

    return outer


OUTER = factory(3)
