import pytest

from codegen.lang import u8, u32
from drivers.interrupt.message import message_address, message_data
from drivers.storage.command import BlockOperation, BlockOutcome
from drivers.storage.nvme.connect import nvme_connect
from tests.storage.nvme.execution import Run, everywhere
from tests.storage.nvme.machine import NEVER, User, machine_with
from tests.storage.nvme.namespace_model import Kind


def connect(user: User, queue: int, vector: int = 0x50) -> bool:
    address, data = user.run(message_address, u32(2)), user.run(message_data, u8(vector))
    return bool(user.run(nvme_connect, u32(user.number), u32(queue), address, data))


@everywhere
@pytest.mark.parametrize("vectors", [9, 3, 2, 1])
def test_each_queue_sends_the_message_that_it_was_given(run: Run, vectors: int) -> None:
    (model,) = machine_with(Kind(), vectors=vectors)
    user = User(run, model)
    assert user.start(3) is None
    model.messages.clear()
    assert [bool(model.msix[16 * i + 12] & 1) for i in range(vectors)] == [True] * vectors
    count = min(3, vectors)
    assert [connect(user, queue, 0x50 + queue) for queue in range(3)] == [True] * count + [False] * (3 - count)
    assert model.msix_is_on()
    for queue in range(count):
        entry = model.msix[16 * queue : 16 * queue + 16]
        assert entry == bytes([0, 0x20, 0xE0, 0xFE, 0, 0, 0, 0, 0x50 + queue, 0, 0, 0, 0, 0, 0, 0])
        assert user.do(BlockOperation.FLUSH, queue=queue) == BlockOutcome.DONE
    assert model.messages == list(range(count))


@everywhere
def test_messages_go_on_after_a_reset(run: Run) -> None:
    (model,) = machine_with(Kind())
    user = User(run, model)
    assert user.start(2) is None and connect(user, 1)
    model.automatic = False
    user.submit(BlockOperation.FLUSH)
    user.let_time_pass()
    user.collect_all()
    model.messages.clear()
    model.automatic = True
    assert user.do(BlockOperation.FLUSH, queue=1) == BlockOutcome.DONE
    assert model.messages == [1] and model.msix_is_on() and model.msix[16 + 12] == 0


@everywhere
def test_without_vectors_or_controller_there_is_nothing_to_connect(run: Run) -> None:
    (model,) = machine_with(Kind(), vectors=0)
    user = User(run, model)
    assert user.start(2) is None
    assert not connect(user, 0) and user.do(BlockOperation.FLUSH) == BlockOutcome.DONE
    assert model.messages == []
    user.number = 1
    assert not connect(user, 0)
    (model,) = machine_with(Kind())
    user = User(run, model)
    assert user.start(2) is None and not connect(user, 2) and not connect(user, 9)
    model.gone = model.function.gone = True
    assert user.tick() == NEVER and not connect(user, 0)
