from __future__ import annotations

import sys
from pathlib import Path
from typing import Never

import pytest

from codegen.back.target import IMAGE, LOADER, UEFI
from codegen.lang import cli, fn, hlt, stub, u32, u64
from codegen.link.flat import FlatLayout
from codegen.link.image import ImageLayout
from codegen.program import CompileErrors, Sources, build_efi, build_flat, build_image, lower

THIS = sys.modules[__name__]


@fn(export="trap")
def trap(site: u32) -> Never:
    while True:
        cli()
        hlt()


@fn(noinline=True)
def triple(x: u32) -> u32:
    return x * 3


@fn(export="start")
def start(x: u32) -> u32:
    return triple(x) + 1


@fn(export="efi_main")
def efi_main(handle: u64, table: u64) -> u64:
    return handle + table


@stub("{{ call('start') }}\nhlt", externals=("start",), section=".text.start")
def first() -> Never: ...


@fn
def wrong(x: u32) -> u64:
    return x


def test_an_image_a_loader_and_an_application_come_out_of_one_source(tmp_path: Path) -> None:
    image = build_image(
        Sources([start, trap, first], [THIS], IMAGE), ImageLayout(0x20_0000, "first"), tmp_path / "a.elf"
    )
    assert image.with_suffix(".sym").read_bytes()[:4] == b"KBS1"
    flat = build_flat(
        Sources([start, trap], [THIS], LOADER), FlatLayout(0x8400, 0x10000, "start", 4096), tmp_path / "b.elf"
    )
    assert flat.code
    assert build_efi(Sources([efi_main, trap], [THIS], UEFI), "efi_main", tmp_path / "c.efi").read_bytes()[:2] == b"MZ"


def test_mistakes_are_raised_as_text_with_place_and_line() -> None:
    with pytest.raises(CompileErrors, match=r"test_program.py:\d+:\d+: error: "):
        lower(Sources([wrong], [THIS], IMAGE))
