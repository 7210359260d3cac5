"""What is wrong with a configuration: one line per problem, with file, line, key, value and fix."""

from dataclasses import dataclass

MAX_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """`line` counts from 1, None where it is not known. `vm` and `key` may be empty; `fix` tells what to write."""

    file: str
    line: int | None
    vm: str
    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return printable(": ".join(part for part in (place, self.vm, self.key, self.what) if part) + f"; {self.fix}")


class ConfigError(Exception):
    """A configuration that cannot be used, with all of its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class BadValue(Exception):
    """A value that a key does not take."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def printable(text: str) -> str:
    """Text on one line, with every character that a terminal would act upon as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """A value as it stood in the TOML, on one line, cut to a readable length."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = '"' + printable(value).replace('"', '\\"') + '"'
        case _:
            text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
