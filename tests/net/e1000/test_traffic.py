from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.net.e1000.execution import Run, both_cards, everywhere, start
from tests.net.e1000.packets import packet

ACTS = ["send", "checksum", "segment", "work", "arrive", "receive", "hold", "done", "interrupt", "tick"]
# What happens, how often in a row, and a length.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["send", "checksum", "segment", "work", "arrive", "receive", "hold", "done", "interrupt", "tick"]
        ),
        st.integers(1, 60),
        st.integers(60, 1518),
    ),
    max_size=20,
)


def frame(number: int, length: int) -> bytes:
    return b"\xff" * 6 + number.to_bytes(6, "big") + bytes((number * 31 + i) & 0xFF for i in range(length - 12))


class Traffic:
    """A driver and what must have come out of it."""

    def __init__(self, run: Run, device: int) -> None:
        self.driver = start(run, device)
        self.driver.card.sender.lazy = True
        self.number = 0
        self.sent: list[bytes] = []
        self.arrived: deque[bytes] = deque()
        self.taken: bytes | None = None

    def one(self, length: int) -> bytes:
        self.number += 1
        return frame(self.number, length)

    def send(self, length: int) -> None:
        data = self.one(length)
        if self.driver.send(data):
            self.sent.append(data)

    def checksum(self, length: int) -> None:
        version, protocol = ((4, 6), (4, 17), (6, 6), (6, 17))[self.number % 4]
        self.number += 1
        payload = self.number.to_bytes(4, "big") * (length // 5)
        half, at, offset = packet(version, protocol, payload, whole=False)
        if self.driver.send(half, (at, offset)):
            self.sent.append(packet(version, protocol, payload)[0])

    def segment(self, length: int) -> None:
        """Segments as one: the model has cut them."""
        self.number += 1
        payload = self.number.to_bytes(4, "big") * (length // 4)
        half, at, offset = packet(4, 6, payload, whole=False)
        if self.driver.send(half, (at, offset), 1, 1460):
            first, last = payload[:1460], payload[1460:]
            pieces = [first, last] if last else [first]
            self.sent += [b"segment" + each for each in pieces]

    def work(self, _: int) -> None:
        self.driver.card.sender.work(1)

    def arrive(self, length: int) -> None:
        data = self.one(length)
        if self.driver.card.receiver.arrive(data):
            self.arrived.append(data)

    def receive(self, _: int) -> None:
        if self.taken is None:
            found = self.driver.take()
            assert (found[0] if found else None) == (self.arrived.popleft() if self.arrived else None)
            self.driver.done()

    def hold(self, _: int) -> None:
        if self.taken is None:
            found = self.driver.take()
            self.taken = found[0] if found else None
            assert self.taken == (self.arrived.popleft() if self.arrived else None)

    def done(self, _: int) -> None:
        self.taken = None
        self.driver.done()

    def interrupt(self, _: int) -> None:
        self.driver.interrupt()

    def tick(self, _: int) -> None:
        self.driver.tick(10_000_000)

    def finish(self) -> None:
        """Everything has come through, in order."""
        self.done(0)
        self.driver.card.sender.work(1 << 20)
        while self.arrived:
            self.receive(0)
        wire = self.driver.card.sender.wire
        assert len(wire) == len(self.sent)
        for out, wanted in zip(wire, self.sent, strict=True):
            assert out[54:] == wanted[7:] if wanted.startswith(b"segment") else out == wanted.ljust(60, b"\0")
        self.driver.tick()
        assert self.driver.count("sent") == int(self.driver.state.sent)
        assert self.driver.count("lost") == self.driver.count("refused") == self.driver.count("resets") == 0


@everywhere
@both_cards
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_nothing_is_lost_doubled_reordered_or_changed(run: Run, device: int, steps: list[tuple[str, int, int]]) -> None:
    traffic = Traffic(run, device)
    for what, times, length in steps:
        for _ in range(times):
            getattr(traffic, what)(length)
    traffic.finish()


@everywhere
@pytest.mark.parametrize("seed", range(2))
def test_a_long_stretch_of_everything(run: Run, seed: int) -> None:
    choose = random.Random(seed)
    traffic = Traffic(run, 0x100E)
    kinds = ["send", "checksum", "segment", "work", "work", "work", "arrive", "receive", "hold", "done"]
    for _ in range(6000 if run.__name__ == "natively" else 600):
        getattr(traffic, choose.choice(kinds))(choose.choice([60, 61, 400, 1518]))
    traffic.finish()
