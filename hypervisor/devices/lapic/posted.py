"""Messages that other processors leave for a local APIC, in atomics alone: no lock, no loss, no order to keep.

A sender sets the message's own bit, then that of its word in `summary`, and then notifies the vCPU. The owner goes the
other way: it clears the summary, then takes each word that it named. So a message that the owner does not see yet has
its notification before it.
"""

from __future__ import annotations

from codegen.lang import Array, Atomic, Struct, at, fn, range, u32

WORDS = 8
LEVELS = WORDS  # summary: bits 0 to 7 are words of `edges`, 8 to 15 words of `levels`
ERRORS = 1 << 16
LINT0 = 1 << 17

INIT_ASKED = 1 << 8  # of `startup`; bits 7:0 are the page of STARTUP
STARTUP_ASKED = 1 << 9


class RequestWord(Struct, size=4):
    """32 vectors."""

    bits: Atomic[u32] = at(0)


class PostedMessages(Struct, size=128, align=64):
    """`edges` is what the posted-interrupt descriptor of VT-d begins with (VT-d specification, section 9.11), whose
    other fields have the rest of the first 64 bytes; hardware can only post edges. A vector that is posted in both
    bitmaps counts as a level, so its EOI reaches the I/O APIC, whichever came first."""

    edges: Array[RequestWord] = at(0, count=WORDS)
    levels: Array[RequestWord] = at(64, count=WORDS)
    summary: Atomic[u32] = at(96)
    errors: Atomic[u32] = at(100)  # ApicError bits
    startup: Atomic[u32] = at(104)  # INIT and STARTUP messages that wait


@fn(unchecked=True)
def post_vector(posted: PostedMessages, vector: u32, level: bool) -> None:
    """A fixed interrupt; `vector` is legal, 16 to 255."""
    word = vector >> 5 & 7
    mask = u32(1) << (vector & 31)
    if level:
        posted.levels[word].bits.fetch_or(mask)
        posted.summary.fetch_or(u32(1 << LEVELS) << word)
    else:
        posted.edges[word].bits.fetch_or(mask)
        posted.summary.fetch_or(u32(1) << word)


@fn
def post_errors(posted: PostedMessages, errors: u32) -> None:
    """What is wrong with a message that the receiver has to report: ApicError bits."""
    posted.errors.fetch_or(errors)
    posted.summary.fetch_or(u32(ERRORS))


@fn
def post_lint0(posted: PostedMessages) -> None:
    """LINT0 rises."""
    posted.summary.fetch_or(u32(LINT0))


@fn
def post_init(posted: PostedMessages) -> None:
    """INIT. A STARTUP that waits goes with the processor that it would have started."""
    posted.startup.store(u32(INIT_ASKED))


@fn
def post_startup(posted: PostedMessages, page: u32) -> None:
    """STARTUP at `page`, below 256. The first one that waits starts the processor, so a second one is lost, as it is
    for a processor that runs (SDM vol. 3A, 9.4.4)."""
    while True:
        waiting = posted.startup.load()
        if waiting & STARTUP_ASKED != 0:
            return
        if posted.startup.compare_exchange(waiting, waiting & INIT_ASKED | STARTUP_ASKED | page & 0xFF):
            return


@fn
def startup_posted(posted: PostedMessages) -> bool:
    """Whether an INIT or STARTUP waits."""
    return posted.startup.load() != 0


@fn(cold=True)
def take_startup(posted: PostedMessages) -> u32:
    """The owner's: the INIT and STARTUP that wait, in this order, as one word."""
    return posted.startup.exchange(u32(0))


@fn(cold=True)
def discard_posted(posted: PostedMessages) -> None:
    """The owner's, at a reset: what was sent before it is lost with IRR. INIT and STARTUP stay."""
    posted.summary.store(u32(0))
    posted.errors.store(u32(0))
    for word in range(u32(WORDS)):
        posted.edges[word].bits.store(u32(0))
        posted.levels[word].bits.store(u32(0))
