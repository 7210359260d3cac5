"""Layouts filled in at build time, as the bytes that go into an image or an archive."""

from codegen.lang import Span


def bytes_of(span: Span) -> bytes:
    """The bytes of a layout that lives in this process."""
    return bytes(int(span[place]) for place in range(len(span)))
