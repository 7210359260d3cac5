"""What an NVMe controller does with each command, in plain Python (NVM Express base 1.4, chapters 4.3, 5 and 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.storage.nvme.controller_model import NvmeModel

INVALID_OPCODE, INVALID_FIELD, INVALID_NAMESPACE, OUT_OF_RANGE, PROTECTED = 0x01, 0x02, 0x0B, 0x80, 0x20
MEDIA_ERROR = 0x281
BAD_SIZE, BAD_QUEUE, BAD_VECTOR = 0x102, 0x101, 0x108


class Wrong(AssertionError):
    """A command breaks the specification."""


def require(truth: bool, what: str) -> None:
    if not truth:
        raise Wrong(what)


class Commands:
    """Of one controller."""

    def __init__(self, model: NvmeModel) -> None:
        self.model = model
        self.bad_blocks: set[tuple[int, int]] = set()
        self.counts: dict[int, int] = {}

    # ---- admin ----

    def admin(self, entry: bytes) -> tuple[int, int]:
        """Status and result."""
        from tests.storage.nvme.controller_model import Ring

        model, kind = self.model, self.model.kind
        namespace, prp1, prp2, w10, w11 = parts(entry)
        require(prp2 == 0, "a second page")
        match entry[0]:
            case 0x09:
                require(w10 == 7, "an unknown feature")
                require(len(model.submissions) == 1, "the number of queues changes when there are some")
                granted = min(kind.queues, (w11 & 0xFFFF) + 1) - 1
                require(w11 & 0xFFFF == w11 >> 16 < 0xFFFF, "the number of queues")
                return 0, granted | granted << 16
            case 0x05 | 0x01:
                number, size = w10 & 0xFFFF, (w10 >> 16) + 1
                rings = model.completions if entry[0] == 5 else model.submissions
                require(prp1 % 4096 == 0 and w11 & 1 == 1, "a ring in one piece at a page")
                require(number not in rings and 0 < number <= kind.queues, "the queue's number")
                require(2 <= size <= kind.last_entry + 1, "the queue's size")
                if number > kind.creates:
                    return BAD_QUEUE, 0
                ring = Ring(prp1, size)
                if entry[0] == 5:
                    require(model.fetch(prp1, 16 * size) == bytes(16 * size), "completions that are not new")
                    ring.vector = w11 >> 16 if w11 & 2 else None
                    require(ring.vector is not None or w11 >> 16 == 0, "a vector without interrupts")
                    if w11 >> 16 and not model.msix_is_on():
                        return BAD_VECTOR, 0  # so does QEMU
                    require(w11 >> 16 < max(model.vectors, 1), "the vector")
                else:
                    ring.completions = w11 >> 16
                    require(ring.completions in model.completions, "its completions first")
                rings[number] = ring
                return 0, 0
            case 0x06:
                require(prp1 % 4096 == 0 and w11 == 0, "identify")
                return self.identify(w10, namespace, prp1), 0
        raise Wrong(f"admin command {entry[0]:#x}")

    def identify(self, what: int, namespace: int, page: int) -> int:
        kind = self.model.kind
        if what == 1:
            require(namespace == 0, "a namespace in Identify Controller")
            self.model.put(page, kind.identify())
        elif what == 2 and kind.version >= 0x10100:
            self.model.put(page, kind.list_after(namespace))
        elif what == 0:
            found = kind.namespaces.get(namespace)
            if found is None:
                return INVALID_NAMESPACE
            self.model.put(page, found.identify())
        else:
            return INVALID_FIELD
        return 0

    # ---- I/O ----

    def io(self, entry: bytes) -> int:
        """The status."""
        kind = self.model.kind
        require(entry[1] == 0 and entry[8:24] == bytes(16) and entry[52:64] == bytes(12), "reserved fields")
        self.counts[entry[0]] = self.counts.get(entry[0], 0) + 1
        number, prp1, prp2, w10, w11 = parts(entry)
        w12 = int.from_bytes(entry[48:52], "little")
        namespace = kind.namespaces.get(number)
        if namespace is None:
            return INVALID_NAMESPACE
        if entry[0] == 0x00:
            require((prp1, prp2, w10, w11, w12) == (0, 0, 0, 0, 0), "fields of Flush")
            namespace.flush()
            return 0
        size = 1 << namespace.block_log2
        if entry[0] == 0x09:
            require(kind.oncs & 4 != 0 and w10 == 0 and w11 == 4 and w12 == 0, "Dataset Management")
            found = self.model.fetch(prp1, 16)
            first, blocks = int.from_bytes(found[8:16], "little"), int.from_bytes(found[4:8], "little")
            require(found[:4] == bytes(4) and blocks > 0, "a range")
        else:
            require(entry[0] != 8 or kind.oncs & 8 != 0, "Write Zeroes")
            first, blocks = w10 | w11 << 32, (w12 & 0xFFFF) + 1
            require(w12 >> 16 == 0, "flags")
        if first + blocks > namespace.blocks:
            return OUT_OF_RANGE
        if entry[0] != 0x02 and namespace.protected:
            return PROTECTED
        at, length = first * size, blocks * size
        require(kind.mdts == 0 or length <= 4096 << kind.mdts or entry[0] in (8, 9), "more than MDTS")
        if any((number, block) in self.bad_blocks for block in range(first, first + blocks)):
            return MEDIA_ERROR
        match entry[0]:
            case 0x01:
                namespace.cached[at : at + length] = b"".join(
                    self.model.fetch(*piece) for piece in self.pieces(prp1, prp2, length)
                )
                if not kind.vwc:
                    namespace.flush()
            case 0x02:
                for address, bytes_here in self.pieces(prp1, prp2, length):
                    self.model.put(address, bytes(namespace.cached[at : at + bytes_here]))
                    at += bytes_here
            case 0x08 | 0x09:
                namespace.cached[at : at + length] = bytes(length)
            case _:
                return INVALID_OPCODE
        return 0

    def pieces(self, prp1: int, prp2: int, length: int) -> list[tuple[int, int]]:
        """Addresses and lengths (4.3)."""
        require(prp1 % 4 == 0, "PRP 1")
        found = [(prp1, min(length, 4096 - prp1 % 4096))]
        rest = length - found[0][1]
        if rest == 0:
            require(prp2 == 0, "PRP 2 of one page")
        elif rest <= 4096:
            require(prp2 % 4096 == 0, "PRP 2 of a page")
            found.append((prp2, rest))
        else:
            require(prp2 % 8 == 0, "a list")
            while rest:
                in_page = (4096 - prp2 % 4096) // 8
                more = -(-rest // 4096) > in_page
                words = self.model.fetch(prp2, 8 * (in_page if more else -(-rest // 4096)))
                entries = [int.from_bytes(words[i : i + 8], "little") for i in range(0, len(words), 8)]
                if more:
                    prp2 = entries.pop()
                for page in entries:
                    require(page % 4096 == 0, "an offset in a list")
                    found.append((page, min(rest, 4096)))
                    rest -= found[-1][1]
        return found


def parts(entry: bytes) -> tuple[int, int, int, int, int]:
    """Namespace, PRP entries, dwords 10 and 11."""
    spans = ((4, 8), (24, 32), (32, 40), (40, 44), (44, 48))
    one, two, three, four, five = (int.from_bytes(entry[a:b], "little") for a, b in spans)
    return one, two, three, four, five
