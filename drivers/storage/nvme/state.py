"""What is known of the machine's NVMe controllers. Nothing here is reached by a device."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, HwEnum, Struct, count, storage, u8, u16, u32, u64
from drivers.pci.functions import PciFunction
from drivers.storage.command import COMMANDS_MAX
from drivers.storage.fault import StorageFault

CONTROLLERS_MAX = 4
QUEUES_MAX = 8
SLOTS = 32  # commands under way in a queue
ENTRIES = 64  # of its rings, a power of two; a controller may want fewer
ADMIN_ENTRIES = 16

assert COMMANDS_MAX <= 64, "NvmeQueue.ready has a bit for each"


class NvmePhase(HwEnum, repr=u8):
    """What is going on with a controller: recover.py goes through them, RUNNING at last."""

    GONE = 0  # for ever; it is no bus master
    SETTLING = 1  # it was just being switched on: that must end first
    STOPPING = 2
    STARTING = 3
    MAKING_QUEUES = 4
    RUNNING = 5


class NvmeQueue(Struct):
    """A pair of rings, of submissions and completions. Slots and commands are bits; a command's slot is in its ID."""

    ready: Field[u64]  # commands that have an outcome, and wait to be collected
    free: Field[u32]  # slots; none while the controller does not run
    busy: Field[u32]  # slots whose command the controller has
    all_slots: Field[u32]
    unfinished: Field[u32]  # busy slots whose command goes on when its part is done
    lost: Field[u32]  # slots that were busy at a reset
    late: Field[u32]  # of these, whose deadline had passed
    mask: Field[u32]  # entries of a ring, less 1
    tail: Field[u32]
    head: Field[u32]
    phase: Field[bool]  # of completions that are new
    number: Field[u16]  # the controller's; 0 is the admin queue
    untold: Field[u32]  # completions that the controller does not know to be taken
    untold_max: Field[u32]  # more could fill the ring
    submissions: Field[Hpa]
    completions: Field[Hpa]
    lists: Field[Hpa]  # a PrpList for each slot
    tail_doorbell: Field[Hpa]
    head_doorbell: Field[Hpa]
    completed: Field[u64]  # answered by the controller, well or not
    errors: Field[u64]  # of these, not well
    spurious: Field[u64]  # completions of nothing that was under way
    commands: Array[u8] = count(SLOTS)  # numbers in COMMANDS
    ids: Array[u16] = count(SLOTS)  # of the command in a slot, or the next one
    zeroed: Array[u32] = count(SLOTS)  # blocks that earlier parts of a WRITE_ZEROES have zeroed


class NvmeAdmin(Struct):
    """The admin queue: one command at a time."""

    memory: Field[Hpa]  # four pages: submissions, completions, and two for data
    tail: Field[u32]
    head: Field[u32]
    phase: Field[bool]
    id: Field[u16]
    deadline: Field[u64]
    result: Field[u32]  # of the last command
    spurious: Field[u64]


class NvmeController(Struct):
    """One of them."""

    phase: Field[NvmePhase]
    starting: Field[bool]  # it has not run yet: takes what it can get
    fault: Field[StorageFault]  # why it is GONE
    function: Field[PciFunction | None]
    base: Field[Hpa]
    requester: Field[u16]
    stride: Field[u32]  # bytes between doorbells
    patience: Field[u64]  # ns
    deadline: Field[u64]  # of the phase
    entries: Field[u32]
    queue_count: Field[u32]
    vectors: Field[u32]  # of MSI-X; 0: none, or not to be used
    step: Field[u32]  # of MAKING_QUEUES
    fruitless: Field[u32]  # resets since the last completion
    completed: Field[u64]  # by all queues at the last reset
    resets: Field[u64]
    timeouts: Field[u64]
    admin: NvmeAdmin
    queues: Array[NvmeQueue] = count(QUEUES_MAX)


class Nvme(Struct):
    """All of the machine."""

    controller_count: Field[u32]
    controllers: Array[NvmeController] = count(CONTROLLERS_MAX)


NVME = storage(Nvme)
