"""Checksums and cut frames, against the RFCs' arithmetic in plain Python."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, Local, host, phys_span, u32, u64
from drivers.virtio.net import NEEDS_CSUM, VirtioNetHeader
from hypervisor.net.checksum import complete_checksum, fold, sum_bytes
from hypervisor.net.segments import Cut, build_segment, find_headers
from tests.net.execution import Run, everywhere
from tests.net.frames import ethernet, ipv4, ipv6, mac, ones_sum, pseudo, segment_sound, tcp


def in_memory(data: bytes, room: int = 0) -> tuple[Any, Any]:
    place = host.memory.allocate(max(len(data), room, 1) + 8)
    host.memory.write(place, data)
    return phys_span(place, u64(max(len(data), room))), place


def bytes_at(place: Any, size: int) -> bytes:
    return host.memory.read(Hpa(int(place)), size)


@everywhere
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_the_sum_is_that_of_rfc_1071(run: Run, data: bytes) -> None:
    host.reset()
    span, _ = in_memory(data)
    assert int(run(fold, run(sum_bytes, span))) == ones_sum(data)


@everywhere
def test_a_long_sum_is_folded_whole(run: Run) -> None:
    host.reset()
    data = b"\xff" * 65536 + b"\xfe\xff"
    span, _ = in_memory(data)
    assert int(run(fold, run(sum_bytes, span))) == ones_sum(data)
    assert int(run(fold, u64(0xFFFF_FFFF_FFFF))) == 0xFFFF and int(run(fold, u64(2**64 - 1))) == 0xFFFF


@everywhere
@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=24, max_size=200), st.integers(0, 60), st.integers(0, 60), st.integers(0, 0xFFFF))
def test_a_checksum_is_completed_where_it_belongs(run: Run, data: bytes, start: int, offset: int, partial: int) -> None:
    host.reset()
    whole = bytearray(data)
    inside = start + offset + 2 <= len(whole)
    if inside:
        whole[start + offset : start + offset + 2] = struct.pack(">H", partial)
    span, place = in_memory(bytes(whole))
    assert bool(run(complete_checksum, span, u32(start), u32(offset))) == inside
    if inside:
        expected = ~ones_sum(bytes(whole[start:])) & 0xFFFF or 0xFFFF
        whole[start + offset : start + offset + 2] = struct.pack(">H", expected)
    assert bytes_at(place, len(whole)) == bytes(whole)


@everywhere
def test_a_checksum_of_zero_is_written_as_the_other_zero(run: Run) -> None:
    host.reset()
    span, place = in_memory(b"\xff\xff\0\0")
    assert run(complete_checksum, span, u32(0), u32(2)) and bytes_at(place, 4) == b"\xff" * 4


def header_for(gso_type: int, size: int, start: int) -> Any:
    header = Local(VirtioNetHeader)
    header.flags, header.gso_type, header.gso_size = NEEDS_CSUM, gso_type, size
    header.csum_start, header.csum_offset = start, 16
    return header


def cut_up(run: Run, frame: bytes, gso_type: int, size: int, start: int) -> list[bytes] | None:
    span, _ = in_memory(frame)
    into, place = in_memory(b"", 70000)
    cut = Local(Cut)
    if not run(find_headers, cut, span, header_for(gso_type, size, start)):
        return None
    pieces, done = [], 0
    while done < len(frame) - int(cut.data):
        length, data = run(build_segment, cut, span, u32(done), u32(size), into)
        assert 0 < int(data) <= size
        pieces.append(bytes_at(place, int(length)))
        done += int(data)
    return pieces


@everywhere
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_pieces_are_what_a_sender_would_have_sent(run: Run, data: st.DataObject) -> None:
    host.reset()
    six, tag = data.draw(st.booleans()), data.draw(st.sampled_from([None, 5]))
    options = bytes(4 * data.draw(st.integers(0, 10)))
    tcp_options = b"\x01" * (4 * data.draw(st.integers(0, 10)))
    content = bytes(i * 7 & 0xFF for i in range(data.draw(st.integers(1, 5000))))
    size = data.draw(st.integers(48, 1500))
    flags = data.draw(st.sampled_from([0x10, 0x18, 0x19, 0x98]))
    payload = tcp(content, flags, tcp_options)
    ip = ipv6(payload) if six else ipv4(payload, options=options)
    frame = ethernet(mac(1), mac(2), 0x86DD if six else 0x0800, ip, tag)
    at = 14 if tag is None else 18
    head = at + (40 if six else 20 + len(options))
    pieces = cut_up(run, frame, 4 if six else 1, size, head)
    assert pieces is not None
    behind = head + 20 + len(tcp_options)
    assert b"".join(piece[behind:] for piece in pieces) == content
    assert all(len(piece) - behind == size for piece in pieces[:-1])
    for number, piece in enumerate(pieces):
        assert segment_sound(piece, at) and piece[:at] == frame[:at]
        sequence, its_flags = struct.unpack(">I", piece[head + 4 : head + 8])[0], piece[head + 13]
        assert sequence == 0xFFFF_FF00 + number * size & 0xFFFF_FFFF
        kept = flags & (0xFF if number == len(pieces) - 1 else ~0x09) & (0xFF if number == 0 else ~0x80)
        assert its_flags == kept
        if not six:
            assert struct.unpack(">H", piece[at + 4 : at + 6])[0] == 7 + number


NOT_CUT = {
    "another protocol": (ethernet(mac(1), mac(2), 0x0800, ipv4(tcp(bytes(900)), protocol=17)), 1, 34),
    "another version": (ethernet(mac(1), mac(2), 0x86DD, ipv6(tcp(bytes(900)))), 1, 54),
    "an extension header": (ethernet(mac(1), mac(2), 0x86DD, ipv6(tcp(bytes(900)), protocol=0)), 4, 54),
    "a wrong start": (ethernet(mac(1), mac(2), 0x0800, ipv4(tcp(bytes(900)))), 1, 36),
    "no data": (ethernet(mac(1), mac(2), 0x0800, ipv4(tcp(b""))), 1, 34),
    "cut short": (ethernet(mac(1), mac(2), 0x0800, ipv4(tcp(bytes(900))))[:50], 1, 34),
    "nothing": (ethernet(mac(1), mac(2), 0x0800, b""), 1, 34),
    "options beyond the end": (ethernet(mac(1), mac(2), 0x0800, b"\x4f" + bytes(8) + b"\x06" + bytes(50)), 1, 74),
    "a fragment": (
        ethernet(mac(1), mac(2), 0x0800, ipv4(tcp(bytes(900)))[:6] + b"\x20\x00" + ipv4(tcp(bytes(900)))[8:]),
        1,
        34,
    ),
}


@everywhere
def test_what_cannot_be_cut_is_found(run: Run) -> None:
    for name, (frame, kind, start) in NOT_CUT.items():
        host.reset()
        assert cut_up(run, frame, kind, 500, start) is None, name


@everywhere
@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=14, max_size=120), st.sampled_from([1, 4]), st.integers(0, 200))
def test_any_bytes_are_cut_or_refused(run: Run, frame: bytes, kind: int, start: int) -> None:
    host.reset()
    pieces = cut_up(run, frame, kind, 48, start)
    assert pieces is None or sum(map(len, pieces)) >= len(frame)


def test_the_reference_agrees_with_itself() -> None:
    whole = ipv4(tcp(b"abc"))
    checksum = ~ones_sum(pseudo(whole, len(whole) - 20) + whole[20:]) & 0xFFFF
    right = ipv4(tcp(b"abc", checksum=checksum))
    assert segment_sound(ethernet(mac(1), mac(2), 0x0800, right)) and not segment_sound(bytes(14) + whole)
