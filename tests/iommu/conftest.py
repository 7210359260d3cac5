import pytest

from codegen.lang import host


@pytest.fixture(autouse=True)
def fresh_machine() -> None:
    host.reset()
