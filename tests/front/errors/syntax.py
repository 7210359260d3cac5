# ruff: noqa
import builtins

from codegen.lang import fn, u32

COUNT = 3


@fn
def exceptions() -> None:
    try:  # error: there are no exceptions in ring 0
        pass
    finally:
        pass


@fn
def raising() -> None:
    raise ValueError  # error: there are no exceptions in ring 0


@fn
def nested() -> None:
    def inner() -> None:  # error: functions cannot be nested
        pass


@fn
def anonymous() -> None:
    f = lambda: 1  # error: `lambda` is not in the language


@fn
def comprehension() -> None:
    f = [x for x in (1, 2)]  # error: comprehensions are not in the language


@fn
def global_write() -> None:
    global COUNT  # error: module variables cannot be assigned
    COUNT = 4


@fn
def list_display() -> None:
    f = [1, 2]  # error: lists are not in the language


@fn
def walrus(n: u32) -> u32:
    return (m := n)  # error: `:=` is not in the language


@fn
def text() -> None:
    s = "text"  # error: strings stand only in calls of a text sink


@fn
def formatted(n: u32) -> None:
    s = f"{n}"  # error: f-strings stand only in calls of a text sink


@fn
def printing() -> None:
    print("x")  # error: `print` is not in the language


@fn
def python_range(n: u32) -> None:
    for i in builtins.range(3):  # error: this is Python's own `range`
        pass


@fn
def loop_else(n: u32) -> None:
    while n > 3:
        break
    else:
        pass  # error: `else` of a loop is not in the language


@fn
def importing() -> None:
    import os  # error: imports stand at module level


@fn
def deleting(n: u32) -> None:
    del n  # error: `del` is not in the language


@fn
def starred(*n: u32) -> None:  # error: star parameters are not in the language
    pass


@fn
def empty() -> None:
    ...  # error: a body is missing here


@fn
def no_effect(n: u32) -> None:
    n == 3  # error: this statement has no effect
