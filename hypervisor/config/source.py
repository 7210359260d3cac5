"""A configuration's text, and where its tables and keys stand (tomllib does not tell)."""

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hypervisor.config.limits import MAX_CONFIG_BYTES
from hypervisor.config.problems import ConfigError, Problem

TABLE_HEADER = re.compile(r"\s*\[")
VM_HEADER = re.compile(r"\s*\[\[\s*vm\s*\]\]")
NETWORK_HEADER = re.compile(r"\s*\[\[\s*network\s*\]\]")
PART_HEADER = re.compile(r"\s*\[\[\s*vm\s*\.\s*([A-Za-z0-9_-]+)\s*\]\]")
KEY = re.compile(r"\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*[=.]")


@dataclass(frozen=True)
class Source:
    """The text of a configuration file."""

    path: Path
    text: str

    @cached_property
    def vm_lines(self) -> list[dict[str, int]]:
        """For each `[[vm]]`, the line of each key; the key "" stands for the table's own line. The second `[[vm.disk]]`
        behind it is the key "disk 2", its keys are such as "disk 2.size"."""
        tables: list[dict[str, int]] = []
        current: dict[str, int] = {}
        prefix = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if VM_HEADER.match(line):
                current, prefix = {"": number}, ""
                tables.append(current)
            elif (match := PART_HEADER.match(line)) and tables:
                current = tables[-1]
                count = sum(re.fullmatch(rf"{re.escape(match[1])} \d+", key) is not None for key in current)
                prefix = f"{match[1]} {count + 1}"
                current[prefix] = number
                prefix += "."
            elif TABLE_HEADER.match(line):
                current, prefix = {}, ""
            elif match := KEY.match(line):
                current.setdefault(prefix + match[1].strip("\"'"), number)
        return tables

    @cached_property
    def network_lines(self) -> list[dict[str, int]]:
        """The same for each `[[network]]`."""
        tables: list[dict[str, int]] = []
        current: dict[str, int] = {}
        for number, line in enumerate(self.text.splitlines(), 1):
            if NETWORK_HEADER.match(line):
                current = {"": number}
                tables.append(current)
            elif TABLE_HEADER.match(line):
                current = {}
            elif match := KEY.match(line):
                current.setdefault(match[1].strip("\"'"), number)
        return tables

    def network_line(self, network: int, key: str) -> int | None:
        """The line of a key of the network with that index, else the line of its table, else None."""
        if network >= len(self.network_lines):
            return None
        lines = self.network_lines[network]
        return lines.get(key, lines.get(""))

    def line(self, vm: int, key: str = "") -> int | None:
        """The line of a key of the VM with that index, else the line of its table, else None."""
        if vm >= len(self.vm_lines):
            return None
        lines = self.vm_lines[vm]
        table = key.split(".")[0]
        return lines.get(key, lines.get(table, lines.get("")))


def read_source(path: Path) -> Source:
    """The file's text; ConfigError if it cannot be read."""
    fix = "give the path of a TOML file, such as examples/linux.toml"
    try:
        if not path.is_file():
            raise problem(path, "no such file" if not path.exists() else "no regular file", fix)
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise problem(path, f"cannot be read ({error.strerror})", fix) from None
    except ValueError:  # a zero byte in the path
        raise problem(path, "no path", fix) from None
    if len(data) > MAX_CONFIG_BYTES:
        raise problem(path, f"larger than {MAX_CONFIG_BYTES} bytes", fix)
    try:
        return Source(path, data.decode())
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise problem(
            path, f"no TOML: byte {data[error.start]:#x} is not UTF-8", "save it as UTF-8 text", line
        ) from None


def parse_toml(source: Source) -> dict[str, object]:
    """The TOML document; ConfigError with the line if the text is no TOML."""
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(match[1]) if match else None
        what = str(error)[: match.start()] if match else str(error)
        raise problem(source.path, f"no TOML: {what}", 'write lines like memory = "256M" below [[vm]]', line) from None
    except RecursionError:
        raise problem(source.path, "no TOML: nested too deeply", "write plain [[vm]] tables") from None


def problem(path: Path, what: str, fix: str, line: int | None = None) -> ConfigError:
    return ConfigError([Problem(str(path), line, "", "", what, fix)])
