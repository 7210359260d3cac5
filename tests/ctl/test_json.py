"""The parser against Python's: what it takes, Python takes alike; what it must take is made here."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import host, span, storage
from hypervisor.ctl.json import JsonError, parse_object
from hypervisor.ctl.request import LINE_MAX, MEMBERS_MAX, Request, ValueKind
from tests.ctl.execution import Run, everywhere

REQUEST = storage(Request)
PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
VALUES = st.one_of(PLAIN, st.integers(0, 2**64 - 1), st.booleans(), st.none())
OBJECTS = st.dictionaries(PLAIN, VALUES, max_size=MEMBERS_MAX)
PIECES = st.sampled_from(
    [
        "{",
        "}",
        '"',
        ":",
        ",",
        "[",
        "]",
        "\\",
        "\\u0041",
        "\\u00e9",
        "\\n",
        "0",
        "1",
        "18446744073709551616",
        "-",
        ".",
        "e",
    ]
    + ["true", "false", "null", "tru", " ", "\t", "\x00", "\x7f", "é", '"a"', '"id":1', '"verb":"list"']
)
GARBAGE = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=20).map(lambda p: "".join(p).encode()))


def parsed(run: Run, line: bytes) -> dict[str, object] | str:
    """The object, or the name of the error."""
    host.reset()
    error = run(parse_object, span(line), REQUEST)
    if error is not None:
        assert isinstance(error, JsonError)
        return error.name
    found: dict[str, object] = {}
    for i in range(int(REQUEST.member_count)):
        member = REQUEST.members[i]
        text = bytes(REQUEST.piece(member.at, member.length)).decode()
        value = {
            ValueKind.TEXT: text,
            ValueKind.NUMBER: int(member.number),
            ValueKind.TRUE: True,
            ValueKind.FALSE: False,
            ValueKind.NULL: None,
        }[member.kind]
        found[bytes(REQUEST.piece(member.key_at, member.key_length)).decode()] = value
    return found


@everywhere
def test_flat_objects_are_taken_as_python_writes_them(run: Run) -> None:
    @settings(deadline=None)
    @given(OBJECTS, st.sampled_from([None, (",", ":"), (" , ", "\t: ")]))
    def check(wanted: dict[str, object], separators: tuple[str, str] | None) -> None:
        line = json.dumps(wanted, separators=separators).encode()
        if len(line) <= LINE_MAX:
            assert parsed(run, line) == wanted

    check()


@everywhere
def test_garbage_is_refused_or_means_what_python_says(run: Run) -> None:
    @settings(deadline=None)
    @given(GARBAGE)
    def check(line: bytes) -> None:
        found = parsed(run, line)
        if not isinstance(found, str):
            assert json.loads(line) == found

    check()


@everywhere
def test_each_error_has_its_name(run: Run) -> None:
    cases = {
        b"": "SYNTAX",
        b"{": "SYNTAX",
        b'{"a":1}x': "SYNTAX",
        b'{"a":1,}': "SYNTAX",
        b'{"a": nul}': "SYNTAX",
        b'{"a":[1]}': "NESTED",
        b'{"a":{}}': "NESTED",
        b'{"a":-1}': "BAD_NUMBER",
        b'{"a":01}': "BAD_NUMBER",
        b'{"a":1.5}': "BAD_NUMBER",
        b'{"a":18446744073709551616}': "BAD_NUMBER",
        b'{"a":"\\u00e9"}': "BAD_TEXT",
        b'{"a":"\\n"}': "BAD_TEXT",
        b'{"a":"\\u12': "BAD_TEXT",
        b'{"a":1,"a":2}': "TWICE",
        b"{" + b",".join(b'"%d":1' % n for n in range(MEMBERS_MAX + 1)) + b"}": "TOO_MANY",
    }
    assert {line: parsed(run, line) for line in cases} == cases


def test_a_line_of_the_greatest_length_fits() -> None:
    line = b'{"' + b"k" * (LINE_MAX - 6) + b'":1}'
    assert len(line) == LINE_MAX and isinstance(parsed(lambda f, *a: f(*a), line), dict)
