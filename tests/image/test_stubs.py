from pathlib import Path
from typing import Any

from tests.asm.nasm import differences
from tests.asm.recorded import Assembled


def test_every_stub_has_the_bytes_of_a_second_assembler(described: dict[str, Any], tmp_path: Path) -> None:
    texts = [
        Assembled(text, bits, address, bytes.fromhex(code)) for text, bits, address, code in described["assembled"]
    ]
    assert len(texts) == len(described["stubs"]) >= 5
    assert differences(texts, tmp_path) == []
