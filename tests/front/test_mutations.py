"""200 single-token mistakes in the monitor's own sources: the checker refuses them, or they are known to do no harm.

What is accepted of a kind that types should catch is the same program, or stands in mutations/accepted.toml with the
test that fails on it. `python -m tests.front.mutations.witness` looks for that test and records it.
"""

import collections

import pytest

from tests.front.mutations.campaign import SEED, choice, outcomes
from tests.front.mutations.kinds import TYPED, Mutant
from tests.front.mutations.record import accepted
from tests.front.mutations.witness import Copy


def judged(mutants: list[Mutant]) -> dict[str, dict[str, str]]:
    found = outcomes(mutants)
    assert len(found) == len(mutants)
    table = collections.Counter((outcome["kind"], outcome["outcome"]) for outcome in found.values())
    print(f"seed {SEED}:", *(f"{kind} {what} {count}," for (kind, what), count in sorted(table.items())))
    for mutant in mutants:
        if mutant.kind == "misspelt" and mutant.body:
            assert f"{mutant.file}:{mutant.line}:" in found[mutant.key]["detail"], mutant
    broken = [f"{key}\n{outcome['detail']}" for key, outcome in found.items() if outcome["outcome"] in WRONG]
    assert broken == [], "\n".join(broken)
    return found


WRONG = ("traceback", "ended")


def test_no_mistake_gives_a_traceback_and_what_is_accepted_is_known() -> None:
    mutants = choice()
    assert len(mutants) == 200
    found = judged(mutants)
    known = accepted()
    unknown = [
        key
        for key, outcome in found.items()
        if outcome["outcome"] == "accepted" and outcome["kind"] in TYPED and key not in known
    ]
    assert unknown == [], "\n".join(unknown)
    assert sum(outcome["outcome"] == "refused" for outcome in found.values()) > 150


@pytest.mark.long
def test_no_mistake_of_a_thousand_more_gives_a_traceback() -> None:
    judged(choice(seed=SEED + 1, times=5))


@pytest.mark.long
def test_the_tests_on_record_fail_on_what_is_accepted(tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = Copy(tmp_path_factory.mktemp("mutated"))
    mutants = {mutant.key: mutant for mutant in choice()}
    for key, entry in accepted().items():
        if key in mutants and "test" in entry:
            assert copy.fails(mutants[key], entry["test"]), key
