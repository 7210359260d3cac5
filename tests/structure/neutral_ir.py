"""`python -m tests.structure.neutral_ir VENDOR` prints the IR of one image's neutral functions as JSON.

Calls of a back end stand there by the name of its contract.
"""

import json
import re
import sys

from codegen.ir.show import show_function
from codegen.program import lower
from hypervisor.image_program import BACK_ENDS, image_sources

BACK_END_SYMBOL = re.compile(r"hypervisor\.vcpu\.(?:vmx|svm)\.[\w.]*\.")


def neutral_functions(vendor: str) -> dict[str, str]:
    program = lower(image_sources(vendor, "release"))
    own = BACK_ENDS[vendor]
    return {
        name: BACK_END_SYMBOL.sub("", show_function(function))
        for name, function in program.functions.items()
        if not function.name.startswith(own)
    }


if __name__ == "__main__":
    json.dump(neutral_functions(sys.argv[1]), sys.stdout)
