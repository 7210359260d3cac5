#!/usr/bin/env python3
"""Keelback's one command: it sets itself up on first use, then builds, boots, tests and measures.

Until the virtual environment in build/venv is ready, only the standard library is used.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import tomllib
except ModuleNotFoundError:
    sys.exit(f"build.py: Python 3.11 or newer is needed (this is {sys.version.split()[0]})")

from boot.guests.fetch import GuestError, content_key, fetch_guests, missing_guests, plan_download
from boot.machines.packages import DEBIAN_PACKAGES, PackageError, install_packages, missing_packages

if TYPE_CHECKING:
    from boot.machines.disks import MachineDisk
    from hypervisor.config.machine import MachineSize
    from hypervisor.config.model import MachineConfig

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
VENV = BUILD / "venv"
STAMP = BUILD / "setup.json"
EXAMPLE = ROOT / "examples" / "linux.toml"

PYTHON_PACKAGES_SIZE = "about 170 MB, 620 MB on disk"
EXPECT_SECONDS = {"qemu": 300.0, "kvm": 120.0, "bochs": 1200.0}
DEFAULT_CPUS = {"qemu": 2, "kvm": 2, "bochs": 1}  # with several, Bochs waits through all idle time
PASSES = ("tree", "ir", "ll", "opt", "asm")
MIB = 1 << 20


class Failure(Exception):
    """An end that is no bug; the message is for the user."""


def main() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    parser = command_line()
    arguments, rest = parser.parse_known_args()
    if rest and arguments.command != "test":
        parser.error(f"unknown argument {rest[0]}")
    if arguments.command == "check" and (arguments.config is None) is not arguments.schema:
        parser.error("check takes either CONFIG.toml or --schema")
    try:
        set_up()
        if Path(sys.prefix) != VENV:
            sys.stdout.flush()
            os.execv(VENV / "bin" / "python", [str(VENV / "bin" / "python"), str(ROOT / "build.py"), *sys.argv[1:]])
        commands = {
            each.__name__: each for each in (run, ctl, debug, test, iso, check, disk, bench, coverage, dump, document)
        }
        try:
            return commands[arguments.command](arguments, rest)
        except Exception as error:
            if isinstance(error, Failure) or (mistake := mistake_in_sources(error)) is None:
                raise
            raise Failure(mistake) from None
    except (Failure, GuestError, PackageError) as failure:
        print(f"build.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def mistake_in_sources(error: Exception) -> str | None:
    """What the compiler says, also of modules that fail while they are imported; None for a fault of another kind."""
    from codegen.front.build_time import diagnose
    from codegen.program import CompileErrors

    if isinstance(error, CompileErrors):
        return str(error)
    found = diagnose(error)
    return None if found is None else found.render().rstrip()


# Set-up


def set_up() -> None:
    """Install what is missing, once; afterwards this only compares a few hashes."""
    wanted = set_up_keys()
    if read_stamp() == wanted:
        return
    BUILD.mkdir(exist_ok=True)
    with one_at_a_time():
        done = read_stamp()
        if done == wanted:
            return
        packages = missing_packages()
        venv_is_due = done.get("python") != wanted["python"] or not (VENV / "bin" / "python").exists()
        announce(packages, venv_is_due)
        if packages:
            install_packages(packages, say)
        guests = plan_download(missing_guests())
        if guests.packages:
            say(f"guests: {len(guests.packages)} Debian packages, {guests.size / 1e6:.0f} MB to download")
        if venv_is_due:
            make_virtualenv()
        fetch_guests(guests, say)
        STAMP.write_text(json.dumps(wanted, indent=2) + "\n")
        say("set-up is complete; it will not be repeated")


def set_up_keys() -> dict[str, str]:
    """One content hash for each part of the set-up; a part is done again when its hash changes."""
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    keys = {
        "debian": repr(sorted(DEBIAN_PACKAGES)),
        "python": repr((pins, sys.version_info[:2], str(VENV))),
        "guests": content_key(),
    }
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in keys.items()}


def read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two commands started together on a fresh tree: one sets up, the other waits for it."""
    with (BUILD / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def announce(packages: list[str], venv_is_due: bool) -> None:
    """Say what will be downloaded before anything is."""
    say("setting up (the first use, or something that it needs has changed)")
    for package in packages:
        say(f"  Debian package {package}: {DEBIAN_PACKAGES[package][1]}")
    if venv_is_due:
        say(f"  Python packages pinned in pyproject.toml, into build/venv: {PYTHON_PACKAGES_SIZE}")
    if missing := missing_guests():
        say(f"  guests ({', '.join(missing)}), into build/guests: at most 100 MB, 25 MB on disk")


def make_virtualenv() -> None:
    say("making build/venv")
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    in_use: list[str] = [] if Path(sys.prefix) == VENV else ["--clear"]
    install = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *pins]
    for command in ([sys.executable, "-m", "venv", *in_use, str(VENV)], install):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise Failure(f"{' '.join(command)} failed (its messages are above)")


def say(text: str) -> None:
    """Progress goes to standard error: standard output is for results."""
    print(f"build.py: {text}", file=sys.stderr, flush=True)


# Commands. What they import needs the virtual environment, so they import it themselves.


def run(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from boot.machines.machine import Drive, Firmware, Host, Machine, MachineError
    from boot.machines.run import Request, run_machine

    config = load(arguments.config)
    host, vendor = choose_host(arguments.host)
    images = build_images("release")
    archive = write_archive(config, images)
    memory = arguments.memory or default_memory(config.memory, archive.stat().st_size)
    firmware = Firmware(arguments.firmware)
    cpus = arguments.cpus or DEFAULT_CPUS[host]
    socket = BUILD / "run" / f"{arguments.config.stem}.ctl"
    disks = tuple(attached_disk(text, host) for text in arguments.disk)
    shape = partial(Machine, Host(host), firmware=firmware, cpus=cpus, memory=memory, ctl=socket, disks=disks)
    timeout = arguments.timeout or (EXPECT_SECONDS[host] if arguments.expect is not None else None)
    try:
        if arguments.direct:
            machine = shape(kernel=images[vendor], archive=archive)
        else:
            machine = shape(iso=write_iso(arguments.config, images, archive, None), drive=Drive.CD)
        return run_machine(machine, Request(arguments.expect, timeout, arguments.log, tuple(config.names)))
    except (MachineError, OSError) as error:
        raise Failure(str(error)) from None


def ctl(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from hypervisor.client.command import ctl, newest_socket
    from hypervisor.client.connection import CtlError

    folder = BUILD / "run"
    try:
        socket = folder / f"{arguments.machine}.ctl" if arguments.machine else newest_socket(folder)
        ctl(socket, arguments.verb, arguments.words, arguments.output, arguments.seconds)
    except CtlError as error:
        raise Failure(str(error)) from None
    return 0


def debug(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from boot.machines.debugger import Session, debug_machine
    from boot.machines.machine import Drive, Host, Machine, MachineError

    config = load(arguments.config)
    host, vendor = choose_host(arguments.host)
    images = build_images(arguments.profile)
    archive = write_archive(config, images)
    memory = arguments.memory or default_memory(config.memory, archive.stat().st_size)
    log = BUILD / "debug" / "console.log"
    session = Session(images[vendor], "hypervisor.debugger.session", log, arguments.script, arguments.timeout)
    say(f"the guests' console goes to {log}; gdb's own commands are under `help kb` (docs/debugging.md)")
    try:
        if host == "qemu":
            machine = Machine(Host.QEMU, kernel=images[vendor], archive=archive, memory=memory)
        else:
            iso = write_iso(arguments.config, images, archive, None)
            machine = Machine(Host.BOCHS, iso=iso, drive=Drive.CD, memory=memory)
        return debug_machine(machine, session)
    except (MachineError, OSError) as error:
        raise Failure(str(error)) from None


def choose_host(wanted: str) -> tuple[str, str]:
    """(host, the image that suits its CPU), and say why."""
    from boot.machines.kvm import cpu_vendor, nested_kvm

    if wanted in ("qemu", "bochs"):
        return wanted, {"qemu": "amd-v", "bochs": "vt-x"}[wanted]
    usable, reason = nested_kvm()
    if wanted == "auto":
        say(f"host: {'nested KVM' if usable else 'QEMU TCG with AMD-V'} ({reason})")
    elif not usable:
        raise Failure(f"--host kvm is not possible here: {reason}; use --host qemu or --host bochs")
    return ("kvm", cpu_vendor()) if usable else ("qemu", "amd-v")


def default_memory(guests: int, archive: int) -> int:
    """Bytes of RAM for the machine: the guests', their files as loaded, and room for monitor and firmware."""
    return max(512 * MIB, -(-(guests + archive + 192 * MIB) // (64 * MIB)) * 64 * MIB)


def test(arguments: argparse.Namespace, rest: list[str]) -> int:
    long = ["--long"] if arguments.long else []
    pytest = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", *long, *rest]
    os.chdir(ROOT)
    os.execv(sys.executable, pytest)


def iso(arguments: argparse.Namespace, _rest: list[str]) -> int:
    config = load(arguments.config)
    images = build_images(arguments.profile)
    path = write_iso(arguments.config, images, write_archive(config, images), arguments.output)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    print(f"{path}: {path.stat().st_size} bytes, SHA-256 {digest}")
    print("To write a USB stick (all that is on it will be lost), with its device in place of /dev/sdX:")
    print(f"  sudo dd if={path} of=/dev/sdX bs=4M conv=fsync oflag=direct status=progress")
    return 0


def build_images(profile: str) -> dict[str, Path]:
    from hypervisor import image

    try:
        with step("building the images"):
            return image.build_images(profile)
    except image.BuildError as error:
        raise Failure(str(error)) from None


def write_archive(config: MachineConfig, images: dict[str, Path]) -> Path:
    """One file with the manifest, the guests' files in its order, and each image's symbols for panics."""
    from boot.image import archive
    from boot.info import FileKind
    from hypervisor.config.pack import pack_manifest

    manifest, files = pack_manifest(config)
    entries = [archive.Entry(FileKind.MANIFEST, "manifest", manifest)]
    entries += [archive.Entry(FileKind.GUEST, file.name, file) for file in files]
    entries += [archive.Entry(FileKind.SYMBOLS, name, image.with_suffix(".sym")) for name, image in images.items()]
    try:
        with step("packing the guests"):
            return archive.write_archive(entries, BUILD / "iso" / f"{config.file.stem}.archive")
    except (archive.ArchiveError, OSError) as error:
        raise Failure(str(error)) from None


def write_iso(config: Path, images: dict[str, Path], archive: Path, output: Path | None) -> Path:
    from boot.image.iso import IsoError, build_iso

    path = output or BUILD / "iso" / f"{config.stem}.iso"
    try:
        with step(f"writing {path}"):
            return build_iso(images, archive, path)
    except (IsoError, OSError) as error:
        raise Failure(str(error)) from None


def check(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from hypervisor.config.describe import access_summary, json_schema
    from hypervisor.config.machine import MachineSize, weight_warnings

    if arguments.schema:
        print(json.dumps(json_schema(), indent=2))
    else:
        config = load(arguments.config, MachineSize(arguments.cpus, arguments.memory))
        print(access_summary(config))
        for warning in weight_warnings(config.vms, arguments.cpus) if arguments.cpus else ():
            say(f"warning: {warning}")
    return 0


def bench(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from tests.bench.measure import measure
    from tests.bench.samples import NotMeasured

    try:
        rows = measure(say, record=arguments.record)
    except NotMeasured as error:
        raise Failure(str(error)) from None
    if arguments.json:
        print(json.dumps({"rows": rows}, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:48} {row['host']:8} {row['value']:>14,} {row['unit']}")
    return 0


def coverage(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from tests.line_coverage.figures import figure
    from tests.line_coverage.measure import measure
    from tests.line_coverage.record import GOAL, write_record
    from tests.line_coverage.report import figures_text, write_report

    say("coverage: instrumented images, the unit tests of ring-0 code, then some 40 guest runs; about 6 minutes")
    functions, ran, failures = measure(say)
    print("\n".join(figures_text(functions, ran)))
    print(f"every line: {write_report(functions, ran, BUILD / 'coverage' / 'index.html')}")
    if failures:
        raise Failure("not all that was to be measured works:\n" + "\n".join(failures))
    if arguments.record:
        write_record(functions)
    return 0 if figure(functions).percent >= GOAL else 1


def dump(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from codegen.show.names import NoSuchFunction
    from codegen.show.side_by_side import show_side_by_side
    from codegen.show.stages import show_stages
    from hypervisor.image_program import image_sources

    images = build_images(arguments.profile)
    sources = image_sources(arguments.vendor, arguments.profile)
    try:
        if arguments.dump:
            text = show_stages(sources, arguments.function, arguments.dump)
        else:
            text = show_side_by_side(sources, images[arguments.vendor], arguments.function)
    except NoSuchFunction as error:
        raise Failure(str(error)) from None
    print(text, end="")
    return 0


def document(_arguments: argparse.Namespace, _rest: list[str]) -> int:
    from hypervisor.ctl.document import ctl_page
    from hypervisor.exits.document import exits_page
    from hypervisor.shell.document import shell_page
    from hypervisor.trace.document import tracing_page
    from tests.exit_path.document import life_page

    pages = {
        "ctl.md": ctl_page(),
        "exits.md": exits_page(),
        "shell.md": shell_page(),
        "life-of-an-exit.md": life_page(),
        "tracing.md": tracing_page(),
    }
    for name, page in pages.items():
        (ROOT / "docs" / name).write_text(page)
        print(f"docs/{name}")
    return 0


def load(path: Path, machine: MachineSize | None = None) -> MachineConfig:
    """The checked configuration; all of its problems otherwise."""
    from hypervisor.config.check import UNKNOWN_MACHINE, load_config
    from hypervisor.config.problems import ConfigError

    try:
        return load_config(path, machine or UNKNOWN_MACHINE)
    except ConfigError as error:
        raise Failure(f"{path} cannot be used:\n{error}") from None


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show a long step and what it took."""
    say(f"{what} ...")
    begin = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - begin:.1f} s")


def attached_disk(text: str, host: str) -> MachineDisk:
    """What `--disk` says: a kind, which has a default, and a file."""
    from boot.machines.disks import DiskKind, MachineDisk

    kind, colon, path = text.partition(":")
    if not colon:
        kind, path = "ata" if host == "bochs" else "nvme", text
    if kind not in [known.value for known in DiskKind]:
        raise Failure(f"--disk {text}: {kind} is none of {', '.join(known.value for known in DiskKind)}")
    if not Path(path).is_file():
        raise Failure(f"--disk {text}: there is no file {path}; ./build.py disk makes one")
    return MachineDisk(DiskKind(kind), Path(path))


def disk(arguments: argparse.Namespace, _rest: list[str]) -> int:
    from hypervisor.disk_image.image import DiskImageError, make_image, show_image

    try:
        if arguments.act == "make":
            make_image(arguments.file, arguments.size, arguments.partitions)
        print("\n".join(show_image(arguments.file)))
    except (DiskImageError, OSError) as error:
        raise Failure(str(error)) from None
    return 0


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, allow_abbrev=False)

    def config(to: argparse.ArgumentParser, default: Path | None = EXAMPLE) -> None:
        text = "which guests; without it examples/linux.toml" if default else "the file to check"
        to.add_argument("config", nargs="?", type=Path, default=default, metavar="CONFIG.toml", help=text)

    one = command("run", "build, make the ISO and boot it; the terminal is the guest's console (Ctrl-A x leaves)")
    config(one)
    one.add_argument(
        "--host", choices=["qemu", "bochs", "kvm", "auto"], default="auto", help="qemu is AMD-V, bochs VT-x"
    )
    one.add_argument("--firmware", choices=["bios", "uefi"], default="bios")
    one.add_argument("--direct", action="store_true", help="QEMU's own loader in place of the ISO")
    one.add_argument("--cpus", type=whole_number, metavar="N", help="processors of the machine (2; Bochs 1)")
    one.add_argument("--memory", type=memory_size, metavar="SIZE", help="RAM of the machine, such as 1G")
    one.add_argument(
        "--disk", action="append", default=[], metavar="[KIND:]FILE", help="a disk: nvme, sata, virtio or ata (Bochs)"
    )
    one.add_argument(
        "--expect", type=expected_text, metavar="[VM:]TEXT", help="end with 0 once a guest has printed TEXT, else 1"
    )
    one.add_argument("--timeout", type=seconds, metavar="SECONDS", help="time limit; with --expect 120 to 1200 by host")
    one.add_argument("--log", type=Path, metavar="FILE", help="copy of the console's output")

    one = command(
        "ctl", "ask a machine that runs: a verb of docs/ctl.md, `top`, or `trace -o FILE` for ui.perfetto.dev"
    )
    one.add_argument("verb", metavar="VERB")
    one.add_argument("words", nargs="*", metavar="KEY=VALUE", help="the verb's arguments")
    one.add_argument("--machine", metavar="NAME", help="the machine of NAME.toml (the one that was started last)")
    one.add_argument("-o", dest="output", type=Path, metavar="FILE", help="where `trace` writes to")
    one.add_argument("--seconds", type=seconds, default=2.0, metavar="N", help="how long `trace` records (2)")

    one = command("test", "run the tests; further arguments go to pytest")
    one.add_argument("--long", action="store_true", help="also the tests that take minutes")

    one = command("iso", "write the ISO of a configuration")
    config(one)
    one.add_argument("-o", dest="output", type=Path, metavar="FILE", help="where to (build/iso/NAME.iso)")
    one.add_argument("--profile", choices=["release", "debug"], default="release")

    one = command("debug", "boot, halted before the first instruction, with gdb attached to ring 0 at Python lines")
    config(one)
    one.add_argument("--host", choices=["qemu", "bochs"], default="qemu", help="qemu is AMD-V, bochs VT-x")
    one.add_argument(
        "--profile", choices=["release", "debug"], default="debug", help="debug is not optimised: it shows all locals"
    )
    one.add_argument("--memory", type=memory_size, metavar="SIZE", help="RAM of the machine, such as 1G")
    one.add_argument("--script", type=Path, metavar="FILE", help="gdb commands to run in place of a terminal")
    one.add_argument("--timeout", type=seconds, metavar="SECONDS", help="time limit for gdb")

    one = command("check", "check a configuration and print what each VM may touch")
    config(one, None)
    one.add_argument("--schema", action="store_true", help="print the JSON Schema of configurations")
    one.add_argument("--cpus", type=whole_number, metavar="N", help="processors of the machine: are there enough?")
    one.add_argument("--memory", type=memory_size, metavar="SIZE", help="RAM of the machine: is there enough?")

    one = command("disk", "make or inspect the image of a disk with partitions, for `run --disk`")
    acts = one.add_subparsers(dest="act", required=True, metavar="ACT")
    make = acts.add_parser("make", help="a new image: NAME:SIZE[=FILE] for each partition, FILE its content")
    make.add_argument("file", type=Path, metavar="FILE")
    make.add_argument("size", type=memory_size, metavar="SIZE", help="such as 512M or 2G")
    make.add_argument("partitions", nargs="*", metavar="NAME:SIZE[=FILE]")
    show = acts.add_parser("show", help="what is on an image")
    show.add_argument("file", type=Path, metavar="FILE")

    one = command("bench", "measure: exact instruction counts, image sizes, build times")
    one.add_argument("--json", action="store_true", help="one JSON object on standard output, and nothing else")
    one.add_argument("--record", action="store_true", help="make the exits' counts the record that the tests hold")

    one = command("coverage", "which lines of ring 0 ran, in CPython, native and in guest runs, as HTML and figures")
    one.add_argument("--record", action="store_true", help="make these figures the record that the tests hold")

    one = command("dump", "a function as Python, IR and machine code side by side, or after the passes named")
    one.add_argument("function", metavar="FUNCTION", help="its name, or the end of it: emulate_cpuid, CpuidTable.find")
    one.add_argument("--dump", type=passes, metavar="PASS,...", help=f"of {', '.join(PASSES)}, in place of that")
    one.add_argument("--vendor", choices=["vt-x", "amd-v"], default="vt-x", help="which of the two images")
    one.add_argument("--profile", choices=["release", "debug"], default="release")
    command("document", "write the pages of docs/ that are made from the code")
    return parser


def passes(text: str) -> list[str]:
    for name in text.split(","):
        if name not in PASSES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PASSES)}")
    return text.split(",")


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds")
    return value


def memory_size(text: str) -> int:
    if text[-1:] not in ("M", "G") or not text[:-1].isascii() or not text[:-1].isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as in 512M or 2G")
    return int(text[:-1]) * {"M": MIB, "G": 1024 * MIB}[text[-1]]


def expected_text(text: str) -> str:
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is no text of one line")
    return text


if __name__ == "__main__":
    sys.exit(main())
