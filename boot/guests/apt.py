"""Debian packages by apt-get, without installing them and without root.

On Debian 12 the system's own package lists serve. Elsewhere (Ubuntu, other Debian releases, stale or empty lists)
apt-get gets a configuration of its own that knows Debian 12 only.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = """\
deb [arch=amd64 signed-by={keyring}] http://deb.debian.org/debian bookworm main
deb [arch=amd64 signed-by={keyring}] http://deb.debian.org/debian-security bookworm-security main
"""


class AptError(Exception):
    """apt-get did not do what was asked; the message is its own."""


@dataclass(frozen=True)
class Apt:
    """apt-get and apt-cache with some options."""

    options: tuple[str, ...] = ("-o", "APT::Sandbox::User=root")

    def run(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        command = [program, *self.options, *arguments]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        except OSError as error:
            raise AptError(f"{program}: {error.strerror}") from None
        if done.returncode:
            raise AptError(f"{' '.join([program, *arguments])}: {done.stderr.strip()}")
        return done.stdout

    def real_package(self, package: str) -> str:
        """The package that a metapackage such as linux-image-amd64 stands for."""
        stanza = self.run("apt-cache", "show", "--no-all-versions", package)
        match = re.search(r"^Depends: (\S+)", stanza, re.MULTILINE)
        if match is None:
            raise AptError(f"{package} depends on nothing")
        return match[1]

    def sizes(self, packages: list[str]) -> dict[str, int]:
        """Each package's file name and download size in bytes."""
        lines = self.run("apt-get", "download", "--print-uris", *packages).splitlines()
        return {fields[1]: int(fields[2]) for fields in map(str.split, lines)}

    def download(self, package: str, folder: Path) -> Path:
        """Fetch the package's file (apt checks its signature and hash)."""
        (name,) = self.sizes([package])
        self.run("apt-get", "download", package, folder=folder)
        return folder / name


def debian_12(folder: Path) -> Apt:
    """An apt-get that knows Debian 12 and keeps everything in `folder`; reads the package lists (about 10 MB)."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    sources = folder / "debian.list"
    sources.write_text(SOURCES.format(keyring=KEYRING))
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": folder / "parts",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
    }
    (folder / "status").touch()
    apt = Apt(tuple(part for key, value in settings.items() for part in ("-o", f"{key}={value}")))
    apt.run("apt-get", "update")
    return apt
