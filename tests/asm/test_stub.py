from __future__ import annotations

import pytest

from codegen.asm.stub import assemble_stub
from codegen.back.errors import BadAssembly
from codegen.ir.nodes import Relocation
from codegen.lang import Field, Struct, stub, u32, u64


class Registers(Struct):
    rax: Field[u64]
    rip: Field[u64]


@stub(
    "mov rax, [rdi + {{ R.rip.offset }}]\n{{ call('handle') }}\n{{ jmp('leave') }}\n.balign 8\n"
    "{{ quad('table', 16) }}\n{{ long('low') }}",
    externals=("handle", "leave"),
    constants={"R": Registers},
)
def sample(regs: Registers) -> u32: ...


@stub("{{ call('unnamed') }}")
def careless() -> None: ...


def test_a_stub_has_the_layouts_offsets_and_relocations_to_its_symbols() -> None:
    made = assemble_stub(sample)
    assert made.code[:4].hex() == "488b4708"
    assert made.code[4] == 0xE8 and made.code[9] == 0xE9 and len(made.code) == 28
    assert made.relocations == (
        Relocation(5, "handle", -4, "pc32"),
        Relocation(10, "leave", -4, "pc32"),
        Relocation(16, "table", 16, "abs64"),
        Relocation(24, "low", 0, "abs32"),
    )


def test_a_call_of_what_is_not_declared_names_the_stub_and_its_place() -> None:
    with pytest.raises(BadAssembly, match=r"test_stub.py:\d+: stub careless: unnamed is not among"):
        assemble_stub(careless)


def test_a_stub_that_clobbers_is_64_bit_code_and_calls_nothing() -> None:
    for options in ({"bits": 32}, {"externals": ("handle",)}):
        with pytest.raises(TypeError, match="without externals"):
            stub("nop", clobbers=("rbx",), **options)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="clobbers"):
        stub("nop", clobbers=("rbp",))
