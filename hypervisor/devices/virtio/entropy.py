"""The entropy device (virtio 1.2, 5.4): random bytes of the processor's own generator."""

from __future__ import annotations

from codegen.lang import Field, Local, Struct, fn, min, range, rdrand, span_of, u32, u64, usize
from drivers.virtio.status import EVENT_INDEX, INDIRECT_DESCRIPTORS, VERSION_1
from hypervisor.devices.virtio.chain import Chain, chain_put
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory

TRIES = 10  # SDM vol. 1, 7.3.17.1: after so many the generator is broken
WORD = 8
BYTES = 64  # of one request, at most


class Random(Struct):
    """One number."""

    value: Field[u64]


@fn(cold=True)
def entropy_start(device: VirtioDevice) -> None:
    """One queue, and no configuration."""
    device.queue_count = 1
    device.offered = INDIRECT_DESCRIPTORS | EVENT_INDEX | VERSION_1


@fn
def entropy_work(chain: Chain, memory: GuestMemory, work: Work) -> bool:
    """A request: some bytes, as the driver asks again for more. False: it has no place for one, or is not in RAM."""
    random = Local(Random)
    wanted = min(chain.writable, u64(BYTES))
    work.finished = True
    while u64(work.written) < wanted:
        value = random_word()
        if value is None:
            break
        random.value = value
        here = min(wanted - u64(work.written), u64(WORD))
        if not chain_put(chain, memory, u64(work.written), span_of(random).slice(usize(0), usize(here))):
            return False
        work.written = work.written + u32.trunc(here)
    work.moved = wanted
    return wanted != 0


@fn
def random_word() -> u64 | None:
    """None: the generator is broken."""
    for _ in range(u32(TRIES)):
        value = rdrand()
        if value is not None:
            return value
    return None
