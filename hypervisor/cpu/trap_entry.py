"""The 256 trap entries, generated: each pushes its vector and joins the one path that saves and restores registers."""

from __future__ import annotations

from codegen.lang import stub, u64
from hypervisor.cpu.trap_frame import TrapFrame
from hypervisor.vcpu.event import error_code_vectors

ENTRY_BYTES = 8
VECTORS = 256

# The registers that the frame begins with, last one first: as they are pushed.
REGISTERS = sorted(
    (field.name for field in TrapFrame.__layout__.fields.values() if field.offset < TrapFrame.vector.offset),
    key=lambda name: -TrapFrame.__layout__.fields[name].offset,
)

TEXT = """
    lea rax, [rip + entries]
    ret

    .balign 8
entries:
{% for vector in range(VECTORS) %}
    .byte 0x6a, {{ vector }}        /* push imm8, sign-extended: masked below */
    {% if vector in WITH_ERROR %}
    jmp save
    {% else %}
    jmp no_error
    {% endif %}
    .balign 8
{% endfor %}

no_error:                           /* an error code of 0 below the vector */
    push qword ptr [rsp]
    mov qword ptr [rsp + 8], 0
save:
    and qword ptr [rsp], 0xff
{% for register in REGISTERS %}
    push {{ register }}
{% endfor %}
    cld
    mov rdi, rsp
    {{ call("handle_trap") }}
{% for register in REGISTERS | reverse %}
    pop {{ register }}
{% endfor %}
    add rsp, 16
    iretq
"""


@stub(
    TEXT,
    constants={"VECTORS": VECTORS, "WITH_ERROR": error_code_vectors(), "REGISTERS": REGISTERS},
    externals=("handle_trap",),
)
def trap_entries() -> u64:
    """The address of the first of 256 entries of ENTRY_BYTES each, the destinations of the IDT's gates."""
    ...
