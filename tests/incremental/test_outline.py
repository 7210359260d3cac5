from __future__ import annotations

from codegen.front.source import parsed
from codegen.incremental.outline import outline

SOURCE = '''
from codegen.lang import fn, u32

LIMIT = 3


@fn
def clamp(value: u32) -> u32:
    """At most LIMIT."""
    return value if value < LIMIT else u32(LIMIT)


def factory(step: int):
    @fn(inline=True)
    def add(value: u32) -> u32:
        return value + step

    return add
'''


def of(text: str) -> tuple[str, dict[tuple[int, str], str]]:
    found = outline(parsed("file.py", text.splitlines()), text.encode())
    return found.interface, found.functions


def test_a_body_is_no_part_of_the_interface() -> None:
    interface, functions = of(SOURCE)
    changed_interface, changed = of(SOURCE.replace("value < LIMIT", "value <= LIMIT"))
    assert changed_interface == interface
    assert [place for place in functions if changed[place] != functions[place]] == [(7, "clamp")]


def test_a_closure_has_a_body_of_its_own_and_its_factory_is_interface() -> None:
    interface, functions = of(SOURCE)
    changed_interface, changed = of(SOURCE.replace("value + step", "value - step"))
    assert changed_interface == interface and changed[14, "add"] != functions[14, "add"]
    assert of(SOURCE.replace("    return add", "    return add  # the closure"))[0] != interface


def test_signatures_decorators_and_constants_are_interface() -> None:
    interface, _ = of(SOURCE)
    for old, new in (("LIMIT = 3", "LIMIT = 4"), ("(value: u32) -> u32", "(value: u8) -> u32"), ("inline", "noinline")):
        assert of(SOURCE.replace(old, new))[0] != interface, old


def test_a_function_that_moves_is_another() -> None:
    interface, functions = of(SOURCE)
    moved = of(SOURCE.replace('    """At most LIMIT."""\n', '    """At most LIMIT."""\n    assert value != 0\n'))
    assert moved[0] == interface
    assert (15, "add") in moved[1] and moved[1][15, "add"] != functions[14, "add"]


def test_another_decorator_of_that_name_hides_nothing() -> None:
    text = SOURCE.replace("from codegen.lang import fn, u32", "from elsewhere import fn, u32")
    assert of(text)[1] == {}
    assert of(text.replace("value < LIMIT", "value <= LIMIT"))[0] != of(text)[0]
