from __future__ import annotations

from typing import Never

from codegen.lang import cli, fn, hlt, stub, u32


@fn(export="trap")
def trap(site: u32) -> Never:
    while True:
        cli()
        hlt()


@fn
def doubled(x: u32) -> u32:
    return x * 2


@fn(noinline=True)
def tripled(x: u32) -> u32:
    twice = doubled(x)
    return twice + x


@fn(export="start")
def start(x: u32) -> u32:
    return tripled(x) + 1


@stub("{{ call('start') }}\nhlt", externals=("start",), section=".text.start")
def first() -> Never: ...
