from drivers.storage.command import BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, DiskDriver
from drivers.storage.nvme.state import NVME
from tests.storage.nvme.execution import Run, everywhere
from tests.storage.nvme.machine import DATA, User, content, disk, fill, machine_with, text
from tests.storage.nvme.namespace_model import Kind


@everywhere
def test_a_controller_starts_and_its_namespace_is_a_disk(run: Run) -> None:
    (model,) = machine_with(Kind())
    user = User(run, model)
    assert user.start(4) is None
    assert int(NVME.controller_count) == 1 and int(DISKS.disk_count) == 1
    found = disk()
    assert found.driver == DiskDriver.NVME and int(found.queues) == 4
    assert text(found.model) == b"QEMU NVMe Ctrl".ljust(40, b"\0")
    data = bytes(range(256)) * 16
    fill(DATA, data)
    assert user.do(BlockOperation.WRITE, 8, 8, [(DATA, 4096)]) == BlockOutcome.DONE
    assert user.do(BlockOperation.READ, 8, 8, [(DATA + 4096, 4096)]) == BlockOutcome.DONE
    assert content(DATA + 4096, 4096) == data
