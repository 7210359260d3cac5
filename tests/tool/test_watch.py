from boot.machines.watch import Outcome, watch_for


def outcome_of(chunks: list[bytes], expected: str | None, names: list[str]) -> Outcome | None:
    watch = watch_for(expected, names)
    for chunk in chunks:
        outcome = watch.feed(chunk)
        if outcome is not None:
            return outcome
    return None


def test_text_is_found_when_it_arrives_in_pieces() -> None:
    assert outcome_of([b"boot\r\nlog", b"in: "], "login:", ["a"]) is Outcome.FOUND


def test_text_is_not_joined_across_lines() -> None:
    assert outcome_of([b"log\nin:"], "login:", ["a"]) is None


def test_text_with_a_colon_is_no_vm_name() -> None:
    assert outcome_of([b"[  1.0] reboot: Power down\r\n"], "reboot: Power down", ["debian"]) is Outcome.FOUND


def test_vm_name_selects_that_vms_lines() -> None:
    names = ["one", "two"]
    assert outcome_of([b"[one] ready\n"], "two:ready", names) is None
    assert outcome_of([b"[one] ready\n[two] ", b"ready\n"], "two:ready", names) is Outcome.FOUND


def test_vm_name_of_a_single_vm_needs_no_prefix() -> None:
    assert outcome_of([b"ready\n"], "one:ready", ["one"]) is Outcome.FOUND


def test_panic_counts_only_at_the_start_of_a_line() -> None:
    assert outcome_of([b"he wrote keelback: PANIC\n"], None, []) is None
    assert outcome_of([b"x\nkeelback: PA", b"NIC at hypervisor/main.py:3\n"], None, []) is Outcome.PANIC


def test_first_outcome_wins() -> None:
    assert outcome_of([b"done\nkeelback: PANIC\n"], "done", ["a"]) is Outcome.FOUND
    assert outcome_of([b"keelback: all guests have stopped\ndone\n"], "done", ["a"]) is Outcome.STOPPED


def test_endless_line_needs_bounded_memory() -> None:
    watch = watch_for("end", ["a"])
    for _ in range(100):
        assert watch.feed(b"x" * 10_000) is None
    assert len(watch.line) < 200_000
    assert watch.feed(b"end") is Outcome.FOUND
