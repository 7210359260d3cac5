import subprocess
from pathlib import Path

import pytest

from boot.uefi.application import build_application
from codegen.link.flat import FlatLayout, link_flat32
from codegen.link.image import ImageLayout, link_elf
from codegen.link.lld import LinkError
from codegen.link.verify import verify_objects, verify_pe

GOOD = """
.text
.globl start
start:
    leaq    value(%rip), %rax
    movq    $value, %rdx
    call    start
.section .rodata
value: .quad start
"""
LAYOUT = ImageLayout(0x20_0000, "start")


def assembled(text: str, folder: Path, *options: str) -> Path:
    source, made = folder / "object.s", folder / "object.o"
    source.write_text(text)
    subprocess.run(["as", *options, "-o", made, source], check=True)
    return made


def link(text: str, folder: Path) -> Path:
    return link_elf([assembled(GOOD + text, folder)], folder / "image.elf", LAYOUT)


def test_an_object_as_we_mean_it_is_linked(tmp_path: Path) -> None:
    assert link("", tmp_path).exists()


BAD = {
    "R_X86_64_REX_GOTPCRELX": ".text\naddq value@GOTPCREL(%rip), %rax\n",
    "R_X86_64_PC64": ".section .rodata\n.quad start - .\n",
    "R_X86_64_16": ".section .rodata\n.word start\n",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_relocation_that_we_do_not_mean_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=kind):
        link(BAD[kind], tmp_path)


def test_relocations_of_debug_information_are_free(tmp_path: Path) -> None:
    assert link('.section .debug_info,"",@progbits\n.quad start - .\n', tmp_path).exists()


def test_a_symbol_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="nobody"):
        link(".section .rodata\n.quad nobody\n", tmp_path)


def test_a_weak_symbol_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="symbol nobody has no value"):
        link(".weak nobody\n.section .rodata\n.quad nobody\n", tmp_path)


def test_a_writable_section_among_the_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"section \.text is writable and executable"):
        link('.text\nmovq $patched, %rdx\n.section .text.patched,"awx",@progbits\npatched: nop\n', tmp_path)


def test_code_among_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"section \.data is writable and executable"):
        link('.text\nmovq $run, %rdx\n.section .data.run,"awx",@progbits\nrun: nop\n', tmp_path)


def test_32_bit_objects_are_held_to_it_too(tmp_path: Path) -> None:
    text = ".globl start\nstart: call start\nmovl $start, %eax\n"
    layout = FlatLayout(0x8400, 0x1_0000, "start", 0x1000)
    verify_objects([assembled(text, tmp_path, "--32")])
    bad = assembled(text + "movl $_GLOBAL_OFFSET_TABLE_, %ebx\nleal start@GOTOFF(%ebx), %eax\n", tmp_path, "--32")
    with pytest.raises(LinkError, match="R_386_GOTOFF"):
        link_flat32([bad], tmp_path / "flat.elf", layout)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_application(tmp_path_factory.mktemp("efi"))


def test_our_application_is_accepted(application: Path) -> None:
    verify_pe([application.with_name("uefi.obj")], application)


def test_a_writable_code_section_of_an_application_is_refused(application: Path, tmp_path: Path) -> None:
    content = bytearray(application.read_bytes())
    content[content.index(b".text\0\0\0") + 39] |= 0x80
    bad = tmp_path / "bad.efi"
    bad.write_bytes(content)
    with pytest.raises(LinkError, match=r"bad\.efi: section \.text is writable and executable"):
        verify_pe([], bad)


def test_a_relocation_of_an_application_that_we_do_not_mean_is_refused(application: Path, tmp_path: Path) -> None:
    content = bytearray(application.with_name("uefi.obj").read_bytes())
    header = content.index(b".text\0\0\0")
    place = int.from_bytes(content[header + 24 : header + 28], "little")
    content[place + 8] = 2  # IMAGE_REL_AMD64_ADDR32
    bad = tmp_path / "bad.obj"
    bad.write_bytes(content)
    with pytest.raises(LinkError, match=r"bad\.obj: section \.text has relocations of type 2"):
        verify_pe([bad], application)
