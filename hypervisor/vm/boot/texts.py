"""Command lines and module arguments: NUL-terminated texts in the manifest."""

from __future__ import annotations

from codegen.lang import Span, fn, len, span, u32, usize
from hypervisor.config.manifest import TEXT_BYTES
from hypervisor.vm.manifest import manifest_bytes

EMPTY = span(b"\0")


@fn
def manifest_text(offset: u32) -> Span:
    """The text at `offset` with its terminating NUL; an empty one when the manifest does not hold it whole."""
    manifest = manifest_bytes()
    if manifest is None:
        return EMPTY
    start = usize(offset)
    length = usize(0)
    while length < TEXT_BYTES and start + length < len(manifest):
        length = length + 1
        if manifest[start + length - 1] == 0:
            return manifest.slice(start, length)
    return EMPTY
