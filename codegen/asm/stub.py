"""A `@stub` of the language as machine code with relocations."""

from __future__ import annotations

import jinja2

from codegen.asm.keystone_safe import assemble
from codegen.asm.template import Slots, render
from codegen.back.errors import BadAssembly
from codegen.ir.nodes import Stub
from codegen.ir.types import VOID
from codegen.lang.routines import StubFn


def assemble_stub(stub: StubFn) -> Stub:
    """The code of a stub; its parameter and result types are for the front end to fill in.

    Raises BadAssembly with the stub's name and place, and the lines of the rendered text that are wrong.
    """
    slots = Slots(stub.externals)
    try:
        text = render(stub.template, stub.constants, slots)
        code, relocations = slots.split(assemble(text + slots.table(), stub.bits))
    except (BadAssembly, NameError, jinja2.TemplateError) as error:
        raise BadAssembly(f"{stub.file}:{stub.line}: stub {stub.symbol}: {error}") from None
    return Stub(stub.symbol, code, relocations, (), VOID, stub.section, clobbers=stub.clobbers)
