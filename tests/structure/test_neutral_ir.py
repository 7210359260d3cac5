import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def neutral_functions(vendor: str) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.structure.neutral_ir", vendor]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, str] = json.loads(result.stdout)
    return found


def test_neutral_code_is_the_same_in_both_images() -> None:
    vt_x, amd_v = neutral_functions("vt-x"), neutral_functions("amd-v")
    both = vt_x.keys() & amd_v.keys()
    # What only one back end calls is in one image only; everything else must be there, and be the same.
    assert len(both) > 600
    assert [name for name in sorted(both) if vt_x[name] != amd_v[name]] == []
