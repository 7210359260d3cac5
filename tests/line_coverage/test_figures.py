from __future__ import annotations

from pathlib import Path

from tests.line_coverage.figures import Figure, Measured, Ran, figure, measured
from tests.line_coverage.functions import all_functions, build_time_of, functions_of
from tests.line_coverage.record import GOAL, read_record, recorded_figure, write_record
from tests.line_coverage.report import source_file, write_report

FILE = "tests/line_coverage/program.py"
WEIGH, NAME, NEVER_CALLED = (each for each in functions_of(FILE) if "__" not in each.name)


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(Path(FILE).read_text().splitlines(), 1) if line.strip() == text)


def some_ran() -> tuple[list[Measured], Ran]:
    ran = Ran()
    first, branch, result = line_of("total = u32(0)"), line_of("if value == 0:"), line_of("return total")
    ran.compiled |= {(FILE, line) for line in (first, branch, result)}
    ran.lines["cpython"] |= {(FILE, first), (FILE, branch), (FILE, line_of("class Counter(Struct):"))}
    ran.lines["guest"] |= {(FILE, first), ("drivers/timer/pit.py", result)}
    return measured([WEIGH, NEVER_CALLED], ran), ran


def test_functions_have_their_names_and_every_statement_but_docstrings() -> None:
    assert [each.name for each in functions_of(FILE)] == [
        "Counter.__enter__",
        "Counter.__exit__",
        "weigh",
        "name",
        "never_called",
    ]
    assert len(set(WEIGH.statements.values())) == 15
    assert WEIGH.statements[line_of("+ 1")] == line_of("total += (")
    assert line_of("and value > 9") in WEIGH.statements
    assert min(build_time_of(FILE).values()) < min(WEIGH.statements)


def test_a_line_counts_once_whatever_ran_it() -> None:
    functions, _ = some_ran()
    assert figure([functions[0]]) == Figure(2, 3)
    assert figure([functions[0]], "cpython") == Figure(2, 3)
    assert figure([functions[0]], "guest") == Figure(1, 3)
    assert figure([functions[0]], "native") == Figure(0, 3)
    assert functions[0].ran[line_of("total = u32(0)")] == {"cpython", "guest"}


def test_a_function_that_no_image_has_counts_with_all_its_lines() -> None:
    functions, _ = some_ran()
    assert figure([functions[1]]) == Figure(0, 1)


def test_the_page_shows_each_line_with_what_ran_it(tmp_path: Path) -> None:
    functions, ran = some_ran()
    lines = source_file(FILE, functions, ran).lines
    kinds = {line.text.strip(): line.kind for line in lines}
    assert kinds["total = u32(0)"] == "ran"
    assert kinds["return u32(1)"] == "missed"
    assert kinds["class Counter(Struct):"] == "build"
    assert kinds["COUNTER = storage(Counter)"] == "build-missed"
    assert kinds["continue"] == ""
    page = write_report(functions, ran, tmp_path / "index.html").read_text()
    assert "hypervisor/cpu/panic.py" in page and "drivers/timer/pit.py" in page


def test_a_function_that_changed_since_the_record_counts_as_not_run(tmp_path: Path) -> None:
    functions, _ = some_ran()
    write_record(functions, tmp_path / "record")
    record = read_record(tmp_path / "record")
    assert recorded_figure([WEIGH, NEVER_CALLED], record) == Figure(2, 4)
    assert recorded_figure([WEIGH, NAME], record) == Figure(2, 3 + len(set(NAME.statements.values())))


def test_the_record_holds_the_goal_in_both_folders() -> None:
    record = read_record()
    for folder in ("hypervisor/", "drivers/"):
        now = recorded_figure([each for each in all_functions() if each.file.startswith(folder)], record)
        assert now.percent >= GOAL, (
            f"{folder}: {now.ran} of {now.of} lines are known to run, changed functions counted as not run: "
            "add what is missing, then ./build.py coverage --record"
        )
