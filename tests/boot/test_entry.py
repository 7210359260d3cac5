from boot.entry.early import EARLY_SYMBOL
from boot.entry.entry import ENTRY_64, boot_entry
from codegen.asm.stub import assemble_stub


def test_what_the_entry_code_finds_by_number_lies_there() -> None:
    stub = assemble_stub(boot_entry)  # type: ignore[arg-type]
    slots = {relocation.symbol: relocation.offset for relocation in stub.relocations}
    assert stub.code[0] == stub.code[ENTRY_64] == 0xE9
    assert 5 + int.from_bytes(stub.code[1:5], "little") == 0x70
    assert (slots["boot_entry"], slots[EARLY_SYMBOL]) == (0x20, 0x28)
    assert (slots["__image_start"], slots["__image_end"]) == (0x30, 0x38)
    assert (slots["__bss_start"], slots["__bss_end"]) == (0x40, 0x48)
    assert stub.code[0x50:0x58] == bytes(8)  # the GDT's null descriptor
    assert stub.code[0x7A:0x7E] == bytes.fromhex("5d83ed7a")  # pop ebp; sub ebp, 0x7a
