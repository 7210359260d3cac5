import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import u64
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.nvme.state import NvmePhase
from tests.storage.nvme.contracts import CLOCK
from tests.storage.nvme.execution import Run, everywhere, in_cpython, natively
from tests.storage.nvme.machine import DATA, NEVER, SECOND, User, content, disk, fill, machine_with
from tests.storage.nvme.namespace_model import Kind, Namespace

READ, WRITE, FLUSH = BlockOperation.READ, BlockOperation.WRITE, BlockOperation.FLUSH
DONE, TIMED_OUT, RESET = BlockOutcome.DONE, BlockOutcome.TIMED_OUT, BlockOutcome.RESET
GONE, REFUSED = BlockOutcome.GONE, BlockOutcome.REFUSED
PAGE = 4096
BUS_MASTER = 4


def started(run: Run, kind: Kind | None = None, queues: int = 2) -> User:
    (model,) = machine_with(kind or Kind())
    user = User(run, model)
    assert user.start(queues) is None
    model.automatic = False
    return user


def now() -> int:
    return int(CLOCK.now)


def is_running(user: User) -> bool:
    return user.controller.phase == NvmePhase.RUNNING


def assert_works(user: User, queue: int = 0) -> None:
    was, user.model.automatic = user.model.automatic, True
    fill(DATA, b"keel" * 1024)
    fill(DATA + PAGE, bytes(PAGE))
    assert user.do(WRITE, 8, 8, [(DATA, PAGE)], queue=queue) == DONE
    assert user.do(READ, 8, 8, [(DATA + PAGE, PAGE)], queue=queue) == DONE
    assert content(DATA + PAGE, PAGE) == b"keel" * 1024
    user.model.automatic = was


@everywhere
def test_a_late_command_is_timed_out_the_others_are_reset_and_all_goes_on(run: Run) -> None:
    user = started(run)
    late = user.submit(READ, 0, 8, [(DATA, PAGE)], deadline=now() + SECOND)
    other = user.submit(WRITE, 0, 8, [(DATA + PAGE, PAGE)], deadline=now() + 3 * SECOND)
    third = user.submit(FLUSH, queue=1, deadline=now() + 3 * SECOND)
    assert user.tick() == now() + SECOND and is_running(user)
    CLOCK.now = u64(user.due)
    user.tick()
    assert not is_running(user) and user.due < now() + SECOND
    assert user.collect(0) is None and user.collect(1) is None
    user.let_time_pass()
    assert is_running(user) and user.due == NEVER
    assert user.collect_all(0) == {late: TIMED_OUT, other: RESET} and user.collect_all(1) == {third: RESET}
    assert (int(user.controller.timeouts), int(user.controller.resets), user.model.resets) == (1, 1, 1)
    assert_works(user, 0)
    assert_works(user, 1)


@everywhere
def test_who_was_late_once_is_not_late_for_ever(run: Run) -> None:
    user = started(run)
    first = user.submit(FLUSH)
    user.let_time_pass()
    assert user.collect_all() == {first: TIMED_OUT}
    second = user.submit(FLUSH, deadline=now() + 9 * SECOND)
    third = user.submit(FLUSH, queue=1)
    user.let_time_pass()
    assert user.collect_all(0) == {second: RESET} and user.collect_all(1) == {third: TIMED_OUT}


@everywhere
def test_zeroes_that_a_reset_has_cut_short_are_not_gone_on_with(run: Run) -> None:
    user = started(run)
    number = user.submit(BlockOperation.WRITE_ZEROES, 0, 5)
    user.let_time_pass()
    assert user.collect_all() == {number: TIMED_OUT}
    assert_works(user)
    assert user.model.commands.counts == {1: 1, 2: 1}


@everywhere
def test_no_command_is_over_while_the_controller_may_still_reach_its_memory(run: Run) -> None:
    user = started(run)
    for number in range(6):
        user.submit(READ, 8 * number, 8, [(DATA + number * PAGE, PAGE)], queue=number % 2)
    CLOCK.now = u64(now() + SECOND)
    user.tick()
    assert user.controller.phase == NvmePhase.STOPPING and user.model.changes_at is not None
    begin = now()
    moved = 0
    while user.sent:
        CLOCK.now = u64(now() + 250_000)
        user.tick()
        found = [*user.collect_all(0).values(), *user.collect_all(1).values()]
        if user.model.ready:
            assert found == [] and len(user.sent) == 6
            if len(user.model.waiting) > 2:
                user.model.work(len(user.model.waiting) // 2)  # the model says where its DMA must not go
                moved += 1
        else:
            assert found == [TIMED_OUT] * 6
    assert now() - begin >= 2_000_000 and moved == 4
    user.let_time_pass()
    assert_works(user)


@everywhere
def test_what_was_completed_and_not_collected_is_not_late(run: Run) -> None:
    user = started(run)
    first, second = user.submit(FLUSH), user.submit(FLUSH, deadline=now() + 2 * SECOND)
    assert second is not None
    user.model.work()
    CLOCK.now = u64(now() + SECOND)
    assert user.tick() == int(COMMANDS[second].deadline)
    assert is_running(user) and int(user.controller.resets) == 0
    assert user.collect_all() == {first: DONE}
    user.model.work()
    assert user.collect_all() == {second: DONE} and user.tick() == NEVER


@everywhere
def test_during_a_reset_nothing_is_taken_and_after_it_everything(run: Run) -> None:
    user = started(run)
    for _ in range(32):
        assert user.submit(FLUSH) is not None
    CLOCK.now = u64(user.due)
    user.tick()
    refused = 0
    while not is_running(user):
        assert user.submit(FLUSH) is None and user.submit(FLUSH, queue=1) is None
        user.collect_all()
        CLOCK.now = u64(user.due)
        user.tick()
        refused += 1
    assert refused > 5
    user.collect_all()
    assert not user.sent
    assert_works(user)


@everywhere
def test_three_resets_that_help_nothing_are_the_end(run: Run) -> None:
    user = started(run)
    for _ in range(3):
        number = user.submit(FLUSH)
        user.let_time_pass()
        assert user.collect_all() == {number: TIMED_OUT} and is_running(user)
    number, second = user.submit(FLUSH), user.submit(READ, 0, 1, [(DATA, 512)], queue=1)
    user.let_time_pass()
    assert user.collect_all(0) == {number: GONE} and user.collect_all(1) == {second: GONE}
    assert disk().gone and user.due == NEVER and not user.model.function.get(4, 2) & BUS_MASTER
    accesses = user.model.accesses
    assert user.do(WRITE, 0, 1, [(DATA, 512)]) == GONE and user.do(FLUSH, queue=1) == GONE
    assert user.tick() == NEVER and user.model.accesses == accesses
    assert int(user.controller.resets) == 3


@everywhere
def test_a_completion_between_resets_keeps_the_controller(run: Run) -> None:
    user = started(run)
    for turn in range(9):
        number = user.submit(FLUSH)
        user.let_time_pass()
        assert user.collect_all() == {number: TIMED_OUT}
        if turn % 3 == 2:
            assert_works(user)
    assert is_running(user) and int(user.controller.resets) == 9


@everywhere
@pytest.mark.parametrize("flag", ["never_stops", "never_ready", "silent_admin", "fatal_at_start"])
def test_a_reset_that_fails_is_the_end_in_bounded_time(run: Run, flag: str) -> None:
    user = started(run)
    setattr(user.model, flag, True)
    numbers = {user.submit(READ, 0, 1, [(DATA, 512)]), user.submit(READ, 1, 1, [(DATA + PAGE, 512)])}
    begin = now()
    user.let_time_pass()
    found = user.collect_all()
    assert set(found) == numbers and disk().gone and now() - begin < 15 * SECOND
    assert set(found.values()) == ({GONE} if flag == "never_stops" else {TIMED_OUT})
    assert not user.model.function.get(4, 2) & BUS_MASTER
    if user.model.waiting:
        user.model.work()  # its DMA goes nowhere any more
    assert user.do(FLUSH) == GONE


@everywhere
def test_fewer_queues_after_a_reset_are_the_end(run: Run) -> None:
    for name in ("queues", "creates"):
        user = started(run, Kind())
        setattr(user.model.kind, name, 1)
        number = user.submit(FLUSH, queue=1)
        user.let_time_pass()
        assert user.collect_all(1) == {number: TIMED_OUT}
        assert disk().gone and user.do(FLUSH) == GONE


@everywhere
def test_a_controller_that_says_it_has_failed_is_reset_at_the_next_tick(run: Run) -> None:
    user = started(run)
    number = user.submit(FLUSH)
    user.model.fatal = True
    user.tick()
    user.let_time_pass()
    assert user.collect_all() == {number: RESET} and is_running(user)
    assert_works(user)


@everywhere
def test_a_controller_that_has_reset_itself_gets_its_queues_again(run: Run) -> None:
    user = started(run)
    number = user.submit(FLUSH)
    user.model.ready, user.model.configuration = False, 0
    user.model.forget()
    user.tick()
    user.let_time_pass()
    assert user.collect_all() == {number: RESET} and is_running(user)
    assert_works(user)


@everywhere
def test_it_may_be_pulled_out_at_any_access(run: Run) -> None:
    after = 0
    while True:
        user = started(run)
        user.model.vanishes_after = user.model.accesses + after
        numbers = {user.submit(READ, 8, 8, [(DATA, PAGE)]), user.submit(FLUSH)}
        if not user.model.gone and user.model.waiting:
            user.model.work()
        found = user.collect_all()
        user.let_time_pass()
        found.update(user.collect_all())
        assert set(found) == numbers and not user.sent
        if not user.model.gone:
            break
        last = user.submit(FLUSH)
        user.let_time_pass()
        found = user.collect_all()
        assert set(found) <= {last} and disk().gone == (not is_running(user))
        if last is not None and found:
            assert found[last] == GONE and disk().gone
        after += 1
    assert 15 < after < 200


HOSTILE = {
    "nothing is under way there": lambda id: (id + 1, 1),
    "an old ID of the slot": lambda id: (id - 32 & 0x7FFF, 1),
    "the next ID of the slot": lambda id: (id + 32 & 0x7FFF, 1),
    "all ones": lambda id: (0xFFFF, 1),
    "another queue": lambda id: (id, 2),
    "the admin queue": lambda id: (id, 0),
    "no queue": lambda id: (id, 0xFFFF),
}


@everywhere
@pytest.mark.parametrize("name", HOSTILE)
def test_a_completion_of_nothing_is_counted_and_ends_nothing(run: Run, name: str) -> None:
    user = started(run)
    number = user.submit(READ, 0, 8, [(DATA, PAGE)])
    id, source = HOSTILE[name](user.model.waiting[0].id)
    for _ in range(7):
        for _ in range(40):
            user.model.post(1, id, source, 0)
        assert user.collect_all() == {}
    assert int(user.controller.queues[0].spurious) == 280
    user.model.work()
    assert user.collect_all() == {number: DONE}
    assert_works(user)


@everywhere
def test_a_command_is_completed_once(run: Run) -> None:
    user = started(run)
    first, second = user.submit(FLUSH), user.submit(FLUSH)
    done = user.model.work()
    user.model.post(1, done.id, 1, 0)
    assert user.collect_all() == {first: DONE}
    third = user.submit(FLUSH)
    user.model.post(1, done.id, 1, 0)
    assert user.collect_all() == {} and int(user.controller.queues[0].spurious) == 2
    user.model.work()
    user.model.work()
    assert user.collect_all() == {second: DONE, third: DONE}


@everywhere
def test_an_entry_of_the_wrong_phase_is_none(run: Run) -> None:
    user = started(run)
    number = user.submit(FLUSH)
    ring = user.model.completions[1]
    command = user.model.waiting[0]
    ring.phase ^= 1
    user.model.post(1, command.id, 1, 0)
    assert user.collect_all() == {} and int(user.controller.queues[0].spurious) == 0
    ring.phase ^= 1
    ring.tail = 0
    user.model.work()
    assert user.collect_all() == {number: DONE}


@everywhere
def test_completions_of_before_a_reset_end_nothing_after_it(run: Run) -> None:
    user = started(run)
    user.submit(FLUSH)
    old = user.model.waiting[0]
    user.let_time_pass()
    assert list(user.collect_all().values()) == [TIMED_OUT]
    number = user.submit(FLUSH)
    user.model.post(1, old.id, 1, 0)
    assert user.collect_all() == {} and int(user.controller.queues[0].spurious) == 1
    user.model.work()
    assert user.collect_all() == {number: DONE}


def live(run: Run, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    user = started(run, Kind({1: Namespace(2048)}, last_entry=chance.choice([3, 63])))
    reads: dict[int, tuple[int, int]] = {}
    blocks = user.model.kind.namespaces[1].cached
    blocks[:] = random.Random(1).randbytes(len(blocks))
    seen = 0
    for _ in range(steps):
        queue = chance.randrange(2)
        match chance.randrange(10):
            case 0 | 1 | 2 | 3:
                free = next(i for i in range(64) if i not in user.sent)
                place, sector = DATA + free * 4 * PAGE + 512 * chance.randrange(8), chance.randrange(2000)
                sectors = chance.randint(1, 24)
                deadline = now() + chance.randint(1, 20) * SECOND // 10
                number = user.submit(READ, sector, sectors, [(place, sectors * 512)], queue, deadline=deadline)
                if number is not None:
                    reads[number] = (sector, sectors)
                    fill(place, b"\xee" * sectors * 512)
            case 4 | 5 | 6:
                if user.model.waiting and user.model.ready:
                    user.model.work(chance.randrange(len(user.model.waiting)))
            case 7:
                CLOCK.now = u64(now() + chance.randint(1, 300) * 1_000_000)
                if now() >= user.due:
                    user.tick()
            case 8:
                ring = user.model.completions.get(queue + 1)
                if ring is not None and not ring.full and (ring.tail - ring.head) % ring.entries < ring.entries // 4:
                    user.model.post(queue + 1, chance.choice([0, 31, 0x8000, chance.randrange(1 << 16)]), 3, 0)
            case _:
                pass
        places = {number: sent.region[0] for number, sent in user.sent.items()}
        for number, outcome in user.collect_all(queue).items():
            sector, sectors = reads.pop(number)
            if outcome == DONE:
                assert content(places[number][0], sectors * 512) == blocks[sector * 512 : (sector + sectors) * 512]
                seen += 1
            else:
                assert outcome in (TIMED_OUT, RESET, GONE)
                assert outcome != GONE or disk().gone
    user.let_time_pass()
    user.collect_all(0)
    user.collect_all(1)
    assert not user.sent and not user.model.regions
    if is_running(user):
        assert_works(user)


@pytest.mark.parametrize(("run", "examples"), [(in_cpython, 4), (natively, 40)])
def test_whatever_happens_each_command_comes_back_once(run: Run, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(st.integers(0, 1 << 32))
    def check(seed: int) -> None:
        live(run, seed, 120)

    check()
