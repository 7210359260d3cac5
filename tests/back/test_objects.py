"""What a product of LLVM depends on is in its key, and the passes for cold code do what they are for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codegen.back import objects
from codegen.back.emit import emit
from codegen.back.objects import Job
from codegen.back.target import IMAGE

CALLED_ONCE = """
define internal i32 @once(i32 %p0) alwaysinline {
  %place = alloca i32
  store i32 %p0, ptr %place
  %value = load i32, ptr %place
  %sum = add i32 %value, 0
  ret i32 %sum
}
define i32 @start(i32 %p0) {
  %dead = mul i32 %p0, 3
  %result = call i32 @once(i32 %p0)
  ret i32 %result
}
"""


@pytest.fixture
def job() -> Job:
    return Job(f'target triple = "{IMAGE.triple}"\n{CALLED_ONCE}', IMAGE, 1, "llvm", quick=True)


def test_a_key_names_all_that_the_product_depends_on(job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = [
        replace(job, text=job.text + "\n"),
        replace(job, level=2),
        replace(job, form="object"),
        replace(job, quick=False),
        replace(job, target=replace(IMAGE, cpu="other")),
    ]
    assert len({each.key() for each in (job, *others)}) == len(others) + 1
    before = job.key()
    (tmp_path / "emit.py").write_text("# other passes\n")
    objects._emitter.cache_clear()
    monkeypatch.setattr(objects, "__file__", str(tmp_path / "objects.py"))
    try:
        assert job.key() != before
    finally:
        objects._emitter.cache_clear()


def test_cold_code_is_made_small_by_the_quick_passes(job: Job) -> None:
    text = emit(job.text, job.target, job.level, job.form, job.quick).decode()
    assert "once" not in text and "alloca" not in text and "mul" not in text
    assert "ret i32 %p0" in text
