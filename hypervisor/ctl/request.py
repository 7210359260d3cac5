"""A request: one flat JSON object with what its members hold, and how far its answer has come."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Span, Struct, count, fn, range, span_of, u8, u16, u32, u64, usize

LINE_MAX = 512  # bytes
MEMBERS_MAX = 8


class ValueKind(HwEnum, repr=u8):
    """What a member holds."""

    NULL = 0
    FALSE = 1
    TRUE = 2
    NUMBER = 3
    TEXT = 4


class Member(Struct):
    """Places in `Request.text`, where all strings lie decoded."""

    kind: Field[ValueKind]
    key_at: Field[u16]
    key_length: Field[u16]
    at: Field[u16]
    length: Field[u16]
    number: Field[u64]


class Request(Struct):
    """`step`: how often the verb was called before. `position` and `last` are the verb's own, 0 at first."""

    text: Array[u8] = count(LINE_MAX)
    used: Field[u32]  # bytes of `text`
    cursor: Field[u32]  # of the parser, in the line
    members: Array[Member] = count(MEMBERS_MAX)
    member_count: Field[u32]
    verb: Field[u32]  # number in the table
    step: Field[u32]
    position: Field[u64]
    last: Field[u64]
    refused: Field[bool]  # the answer says why, and is complete

    @fn
    def piece(self, at: u16, length: u16) -> Span:
        """A decoded string."""
        return span_of(self).slice(usize(at) + usize(Request.text.offset), usize(length))

    @fn
    def find(self, key: Span) -> Member | None:
        """The member of this name."""
        for i in range(self.member_count):
            member = self.members[i]
            if self.piece(member.key_at, member.key_length).equals(key):
                return member
        return None

    @fn
    def number(self, key: Span) -> u64 | None:
        """The number of a member; None when it is missing or something else."""
        member = self.find(key)
        if member is None or member.kind != ValueKind.NUMBER:
            return None
        return member.number

    @fn
    def string(self, key: Span) -> Span | None:
        """The same for text."""
        member = self.find(key)
        if member is None or member.kind != ValueKind.TEXT:
            return None
        return self.piece(member.at, member.length)
