import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u32, u64
from hypervisor.exits.decode.mmio import MmioInstruction, MmioOperation, decode_mmio
from hypervisor.exits.decode.plain_move import PlainMove, decode_plain_move
from hypervisor.exits.decode.snapshot import Snapshot

SNAPSHOT = storage(Snapshot)
FOUND = storage(MmioInstruction)
MOVES = st.tuples(
    st.sampled_from([b"", b"\x40", b"\x41", b"\x44", b"\x45", b"\x48", b"\x4c", b"\x66"]),
    st.sampled_from([0x89, 0x8B, 0xA1, 0xA3, 0x88, 0xC7, 0x0F]),
    st.binary(min_size=12, max_size=12),
).map(lambda parts: (parts[0] + bytes([parts[1]]) + parts[2])[:12])


def plain(code: bytes, long: bool) -> PlainMove:
    return decode_plain_move(u64(int.from_bytes(code[:8], "little")), long)


@settings(max_examples=300, deadline=None)
@given(MOVES, st.booleans())
def test_a_plain_move_is_what_the_full_decoder_finds(code: bytes, long: bool) -> None:
    move = plain(code, long)
    if u32(move.length) == 0:
        return
    snapshot, found = SNAPSHOT, FOUND
    snapshot.zero()
    found.zero()
    for index, byte in enumerate(code):
        snapshot.bytes[index] = byte
    snapshot.count, snapshot.long, snapshot.default_32 = len(code), long, not long
    assert decode_mmio(snapshot, found)
    assert found.operation == (MmioOperation.STORE if move.is_store else MmioOperation.LOAD)
    assert (found.length, found.register, found.width) == (u32(move.length), u32(move.register), u32(4))


@pytest.mark.parametrize(
    ("code", "long", "length", "register", "is_store"),
    [
        ("8b8720000000", True, 6, 0, False),  # mov eax, [rdi + 20h]
        ("89b7b0000000", True, 6, 6, True),  # mov [rdi + b0h], esi
        ("448b4008", True, 4, 8, False),  # mov r8d, [rax + 8]
        ("8b442404", True, 4, 0, False),  # mov eax, [rsp + 4]
        ("a12000e0fe", False, 5, 0, False),  # mov eax, [fee00020h]
        ("a3b000e0fe", False, 5, 0, True),
        ("488b8720000000", True, 0, 0, False),  # 64 bits
        ("a12000e0fe00000000", True, 0, 0, False),  # nine bytes long
        ("8bc1", True, 0, 0, False),  # between registers
        ("8b0425b00000fe", True, 0, 0, False),  # the SIB's base decides
    ],
)
def test_known_forms(code: str, long: bool, length: int, register: int, is_store: bool) -> None:
    move = plain(bytes.fromhex(code).ljust(12, b"\0"), long)
    assert (int(move.length), int(move.register), move.is_store) == (length, register, is_store)
