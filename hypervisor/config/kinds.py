"""The kinds of value that a key takes: how each is checked, and how its rule reads for people and for editors."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from hypervisor.config.limits import GIB, MAX_FILE_BYTES, MIB, PAGE
from hypervisor.config.model import Module
from hypervisor.config.problems import BadValue, shown

JsonSchema: TypeAlias = dict[str, object]

TIME_UNITS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
UNITS = {"K": 1024, "M": MIB, "G": GIB}


class Kind(Protocol):
    """One kind of value. `parse` gets the TOML value and the configuration's folder, and raises BadValue."""

    def parse(self, value: object, folder: Path) -> object: ...

    def rule(self) -> str: ...

    def json_schema(self) -> JsonSchema: ...


@dataclass(frozen=True)
class Name:
    """A short ASCII name that is safe in a prompt and in a log line."""

    max_bytes: int
    pattern: str = "[A-Za-z0-9][A-Za-z0-9_.-]*"

    def parse(self, value: object, folder: Path) -> str:
        fix = f'write up to {self.max_bytes} letters, digits, "-", "_" or ".", beginning with a letter or digit'
        text = string(value, fix)
        if not re.fullmatch(self.pattern, text) or len(text) > self.max_bytes:
            raise BadValue(f"{shown(value)} is no name", fix)
        return text

    def rule(self) -> str:
        return f"text of 1 to {self.max_bytes} letters, digits, `-`, `_`, `.`"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{self.pattern}$", "maxLength": self.max_bytes}


@dataclass(frozen=True)
class Text:
    """UTF-8 text for a kernel."""

    max_bytes: int

    def parse(self, value: object, folder: Path) -> str:
        text = string(value, 'write text between quotes, as in "console=ttyS0"')
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise BadValue(f"{shown(value)} holds a control character", "leave it out")
        if len(text.encode()) > self.max_bytes:
            raise BadValue(f"{len(text.encode())} bytes", f"write at most {self.max_bytes} bytes")
        return text

    def rule(self) -> str:
        return f"text of at most {self.max_bytes} bytes"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "maxLength": self.max_bytes}


@dataclass(frozen=True)
class Size:
    """Bytes of memory, as a number with a unit."""

    minimum: int
    maximum: int

    def parse(self, value: object, folder: Path) -> int:
        fix = 'write a number and K, M or G, as in "256M"'
        match = re.fullmatch(r"([0-9]{1,15})([KMG])", string(value, fix))
        if match is None:
            raise BadValue(f"{shown(value)} is no size", fix)
        size = int(match[1]) * UNITS[match[2]]
        if not self.minimum <= size <= self.maximum:
            fix = f'write a size from "{size_text(self.minimum)}" to "{size_text(self.maximum)}"'
            raise BadValue(f"{shown(value)} is out of range", fix)
        if size % PAGE:
            raise BadValue(f"{shown(value)} is no multiple of a 4 KiB page", "round it up to a multiple of 4K")
        return size

    def rule(self) -> str:
        return f"size from `{size_text(self.minimum)}` to `{size_text(self.maximum)}`, with unit `K`, `M` or `G`"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^[0-9]+[KMG]$"}


@dataclass(frozen=True)
class Count:
    """A whole number."""

    minimum: int
    maximum: int

    def parse(self, value: object, folder: Path) -> int:
        only = self.minimum == self.maximum
        fix = f"write {self.minimum}" if only else f"write a number from {self.minimum} to {self.maximum}"
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValue(f"{shown(value)} is no whole number", fix)
        if not self.minimum <= value <= self.maximum:
            raise BadValue(f"{shown(value)} is out of range", fix)
        return value

    def rule(self) -> str:
        return f"number from {self.minimum} to {self.maximum}" if self.minimum < self.maximum else f"`{self.minimum}`"

    def json_schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Duration:
    """A time, as a number with one of two units; nanoseconds."""

    minimum: int
    maximum: int
    units: tuple[str, str] = ("us", "ms")

    def parse(self, value: object, folder: Path) -> int:
        fix = f'write a number and {" or ".join(self.units)}, as in "10{self.units[1]}"'
        match = re.fullmatch(rf"([0-9]{{1,12}})({'|'.join(self.units)})", string(value, fix))
        if match is None:
            raise BadValue(f"{shown(value)} is no time", fix)
        time = int(match[1]) * TIME_UNITS[match[2]]
        if not self.minimum <= time <= self.maximum:
            fix = f'write a time from "{self.text(self.minimum)}" to "{self.text(self.maximum)}"'
            raise BadValue(f"{shown(value)} is out of range", fix)
        return time

    def rule(self) -> str:
        units = " or ".join(f"`{unit}`" for unit in self.units)
        return f"time from `{self.text(self.minimum)}` to `{self.text(self.maximum)}`, with unit {units}"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^[0-9]+({'|'.join(self.units)})$"}

    def text(self, time: int) -> str:
        """Nanoseconds as they would be written here."""
        unit = next(unit for unit in (self.units[1], self.units[0]) if time % TIME_UNITS[unit] == 0)
        return f"{time // TIME_UNITS[unit]}{unit}"


@dataclass(frozen=True)
class Choice:
    """One of some words, each of which stands for a value."""

    words: tuple[tuple[str, object], ...]

    def parse(self, value: object, folder: Path) -> object:
        fix = f"write {self.alternatives(chr(34))}"
        text = string(value, fix)
        for word, meaning in self.words:
            if text == word:
                return meaning
        raise BadValue(f"{shown(value)} is no choice", fix)

    def rule(self) -> str:
        return self.alternatives("`")

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "enum": [word for word, _ in self.words]}

    def word(self, meaning: object) -> str:
        """How a value is written."""
        return next(word for word, its in self.words if its == meaning)

    def alternatives(self, quote: str) -> str:
        *first, last = (f"{quote}{word}{quote}" for word, _ in self.words)
        return f"{', '.join(first)} or {last}"


@dataclass(frozen=True)
class Cpus:
    """Numbers of processors, each once."""

    limit: int

    def parse(self, value: object, folder: Path) -> tuple[int, ...]:
        fix = "write a list of processors, as in [0, 1]"
        if not isinstance(value, list) or not value:
            raise BadValue(f"{shown(value)} is no list of processors", fix)
        for number in value:
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < self.limit:
                raise BadValue(f"{shown(number)} is no processor", f"write numbers from 0 to {self.limit - 1}")
        if len(set(value)) < len(value):
            raise BadValue(f"{shown(value)} names a processor twice", "name each one once")
        return tuple(value)

    def rule(self) -> str:
        return f"list of numbers from 0 to {self.limit - 1}"

    def json_schema(self) -> JsonSchema:
        items = {"type": "integer", "minimum": 0, "maximum": self.limit - 1}
        return {"type": "array", "minItems": 1, "uniqueItems": True, "items": items}


@dataclass(frozen=True)
class Vlans:
    """Numbers of VLANs, each once."""

    limit: int
    most: int

    def parse(self, value: object, folder: Path) -> tuple[int, ...]:
        fix = f"write a list of at most {self.most} VLANs, as in [10, 20]"
        if not isinstance(value, list) or not 0 < len(value) <= self.most:
            raise BadValue(f"{shown(value)} is no list of VLANs", fix)
        for number in value:
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= self.limit:
                raise BadValue(f"{shown(number)} is no VLAN", f"write numbers from 1 to {self.limit}")
        if len(set(value)) < len(value):
            raise BadValue(f"{shown(value)} names a VLAN twice", "name each one once")
        return tuple(value)

    def rule(self) -> str:
        return f"list of at most {self.most} numbers from 1 to {self.limit}"

    def json_schema(self) -> JsonSchema:
        items = {"type": "integer", "minimum": 1, "maximum": self.limit}
        return {"type": "array", "minItems": 1, "maxItems": self.most, "uniqueItems": True, "items": items}


@dataclass(frozen=True)
class Mac:
    """The address of one network device."""

    pattern: str = "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"

    def parse(self, value: object, folder: Path) -> bytes:
        fix = 'write six bytes, as in "02:00:00:00:00:01"'
        text = string(value, fix)
        if not re.fullmatch(self.pattern, text):
            raise BadValue(f"{shown(value)} is no MAC address", fix)
        mac = bytes.fromhex(text.replace(":", ""))
        if mac[0] & 1 or not any(mac):
            raise BadValue(f"{shown(value)} is no address of one device", "let the first byte be even, such as 02")
        return mac

    def rule(self) -> str:
        return "MAC address, as `02:00:00:00:00:01`"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{self.pattern}$"}


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def parse(self, value: object, folder: Path) -> bool:
        if not isinstance(value, bool):
            raise BadValue(f"{shown(value)} is neither true nor false", "write true or false, without quotes")
        return value

    def rule(self) -> str:
        return "`true` or `false`"

    def json_schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class File:
    """A file that can be read; the path is relative to the configuration's folder."""

    def parse(self, value: object, folder: Path) -> Path:
        return readable_file(string(value, "write a path between quotes"), folder)

    def rule(self) -> str:
        return "path of a file, relative to this file"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Modules:
    """Files with arguments, each as one text: the path up to the first space, then the arguments."""

    max_count: int
    max_bytes: int

    def parse(self, value: object, folder: Path) -> tuple[Module, ...]:
        fix = 'write a list, as in ["disk.img root=disk", "second"]'
        if not isinstance(value, list):
            raise BadValue(f"{shown(value)} is no list", fix)
        if len(value) > self.max_count:
            raise BadValue(f"{len(value)} modules", f"write at most {self.max_count}")
        modules = []
        for item in value:
            path, _, arguments = string(item, fix).partition(" ")
            modules.append(Module(readable_file(path, folder), Text(self.max_bytes).parse(arguments, folder)))
        return tuple(modules)

    def rule(self) -> str:
        return f"list of at most {self.max_count} texts: a path, a space, arguments"

    def json_schema(self) -> JsonSchema:
        return {"type": "array", "maxItems": self.max_count, "items": {"type": "string", "minLength": 1}}


def string(value: object, fix: str) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{shown(value)} is no text", fix)
    return value


def readable_file(text: str, folder: Path) -> Path:
    """The path, if it names a regular file that we may read and that is neither empty nor absurdly large."""
    if not text or "\0" in text:
        raise BadValue(f"{shown(text)} is no path", "write the path of a file")
    path = folder / text
    try:
        status = path.stat()
    except OSError as error:
        raise BadValue(
            f"{shown(text)}: {error.strerror} ({path})", "correct the path, which is relative to this file"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise BadValue(f"{shown(text)} is no regular file ({path})", "name a file")
    if not os.access(path, os.R_OK):
        raise BadValue(f"{shown(text)} is not readable ({path})", "give yourself permission to read it")
    if not 0 < status.st_size <= MAX_FILE_BYTES:
        size = f"{status.st_size} bytes"
        raise BadValue(f"{shown(text)} has {size}", f"name a file of 1 byte to {size_text(MAX_FILE_BYTES)}")
    return path


def size_text(size: int) -> str:
    """Bytes as they would be written in a configuration: with the largest unit that leaves a whole number."""
    for unit in ("G", "M", "K"):
        if size % UNITS[unit] == 0 and size:
            return f"{size // UNITS[unit]}{unit}"
    return str(size)


def time_text(time: int) -> str:
    """Nanoseconds as they would be written in a configuration."""
    return f"{time // 1_000_000}ms" if time % 1_000_000 == 0 else f"{time // 1_000}us"
