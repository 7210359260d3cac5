"""What a guest has sent, the last 64 KiB of it, and how much of that the real console has shown."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, max, min, u8, u32, u64

SCROLLBACK_BYTES = 1 << 16
LINE_FEED = 0x0A


class Scrollback(Struct):
    """Positions count the bytes that were ever sent, and are masked at use. What is to be shown starts at `shown`."""

    end: Field[u64]
    shown: Field[u64]
    lines_end: Field[u64]  # behind the last line feed
    bytes: Array[u8] = count(SCROLLBACK_BYTES)

    @fn
    def put(self, byte: u8) -> None:
        """Append one byte; the oldest one makes room, whether it was shown or not."""
        self.bytes[self.end & (SCROLLBACK_BYTES - 1)] = byte
        self.end += 1
        if self.backlog() > SCROLLBACK_BYTES:
            self.shown += 1
        if byte == LINE_FEED:
            self.lines_end = self.end

    @fn
    def byte_at(self, position: u64) -> u8:
        """The byte at a position that is kept."""
        return self.bytes[position & (SCROLLBACK_BYTES - 1)]

    @fn
    def backlog(self) -> u64:
        """Bytes that were not shown yet."""
        return self.end - self.shown

    @fn
    def piece_end(self, limit: u64) -> u64:
        """The end of the first line from `shown` on, or of `limit` bytes, or of all."""
        stop = min(self.shown + limit, self.end)
        position = self.shown
        while position < stop:
            position += 1
            if self.byte_at(position - 1) == LINE_FEED:
                break
        return position

    @fn
    def tail(self, lines: u32, limit: u64) -> u64:
        """Where the last lines begin, an unfinished one counted, among the last `limit` bytes (at most all)."""
        first = self.end.saturating_sub(limit)
        position = self.end
        left = lines
        while position > first:
            if self.byte_at(position - 1) == LINE_FEED and position != self.end:
                left = left.saturating_sub(u32(1))
                if left == 0:
                    break
            position -= 1
        return position

    @fn
    def skip_to_line(self) -> None:
        """What was finished counts as shown; an unfinished line is still to be shown, from its start."""
        self.shown = max(self.lines_end, self.end.saturating_sub(u64(SCROLLBACK_BYTES)))
