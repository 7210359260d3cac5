"""Commands that a driver holds: those that wait for their turn, and those that wait to be collected."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, min, range, u8, u32, u64
from drivers.storage.command import COMMANDS, COMMANDS_MAX, BlockOutcome


class CommandQueue(Struct):
    """First in, first out. A command is in it at most once, so that there is always room."""

    first: Field[u32]
    length: Field[u32]
    numbers: Array[u8] = count(COMMANDS_MAX)

    @fn
    def put(self, command: u32) -> None:
        """Behind all others."""
        assert self.length < COMMANDS_MAX
        self.numbers[(self.first + self.length) % COMMANDS_MAX] = u8(command)
        self.length += 1

    @fn
    def at(self, position: u32) -> u32:
        """The command at this position, which is below `length`."""
        return u32(self.numbers[(self.first + position) % COMMANDS_MAX])

    @fn
    def take(self, position: u32) -> u32:
        """The same, which is in the queue no longer; the others keep their order."""
        command = self.at(position)
        for i in range(position, self.length - 1):
            self.numbers[(self.first + i) % COMMANDS_MAX] = u8(self.at(i + 1))
        self.length -= 1
        return command

    @fn
    def take_first(self) -> u32 | None:
        """The first one, which is in the queue no longer; None when it is empty."""
        if self.length == 0:
            return None
        command = self.at(u32(0))
        self.first = (self.first + 1) % COMMANDS_MAX
        self.length -= 1
        return command

    @fn
    def next_deadline(self) -> u64:
        """The earliest of all; all ones when there is none."""
        next = u64(0xFFFF_FFFF_FFFF_FFFF)
        for i in range(self.length):
            next = min(next, COMMANDS[self.at(i)].deadline)
        return next


class HeldCommands(Struct):
    """All commands that a controller's driver has, and which of them are finished."""

    held: Field[u64]  # a bit for each of COMMANDS
    finished: CommandQueue

    @fn
    def accept(self, command: u32) -> bool:
        """From now on it is the driver's. False when it has it already."""
        mask = u64(1) << command
        if self.held & mask != 0:
            return False
        self.held = self.held | mask
        COMMANDS[command].outcome = BlockOutcome.PENDING
        return True

    @fn
    def finish(self, command: u32, outcome: BlockOutcome) -> None:
        """To be collected. No device uses its memory any more."""
        COMMANDS[command].outcome = outcome
        self.finished.put(command)

    @fn
    def collect(self) -> u32 | None:
        """The next finished one, given back to who submitted it."""
        command = self.finished.take_first()
        if command is not None:
            self.held = self.held & ~(u64(1) << command)
        return command

    @fn
    def expire(self, waiting: CommandQueue, now: u64) -> u64:
        """Those end TIMED_OUT whose deadline passes before it is their turn. Gives how many."""
        expired = u64(0)
        i = u32(0)
        while i < waiting.length:
            if COMMANDS[waiting.at(i)].deadline <= now:
                self.finish(waiting.take(i), BlockOutcome.TIMED_OUT)
                expired += 1
            else:
                i += 1
        return expired

    @fn(cold=True)
    def finish_all(self, waiting: CommandQueue, outcome: BlockOutcome) -> None:
        """Nobody waits any more."""
        while True:
            command = waiting.take_first()
            if command is None:
                return
            self.finish(command, outcome)
