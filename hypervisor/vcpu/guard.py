"""Assembly around an entry that the back ends' stubs share: what `Guards` asks for (hypervisor/cpu/mitigations.py).

Both texts expect the vCPU in RDI and `guards` as the offset of its guards; they use RAX, RCX, RDX and ESI. They stand
where the guest's registers are not loaded yet, or saved already.
"""

from __future__ import annotations

from codegen.lang import u32
from hypervisor.cpu.gdt import DATA_SELECTOR
from hypervisor.cpu.mitigations import IA32_PRED_CMD, IA32_SPEC_CTRL, PRED_CMD_IBPB, SPEC_CTRL_IBRS, Guards

RETURN_STACK_ENTRIES = 32  # of the deepest return stack

# Guests have no SPEC_CTRL: theirs is 0.
BEFORE_ENTRY = """
    test dword ptr [rdi + {{ guards }}], {{ IBRS }}
    jz guest_predictions
    mov ecx, {{ SPEC_CTRL }}
    xor eax, eax
    xor edx, edx
    wrmsr
guest_predictions:
"""

# Nothing here may return or jump through a register before the predictors are the monitor's own again; the LFENCE at
# the end keeps a mispredicted test from leaving early. The loop that overwrites the branch history is Intel's (BHI
# software sequence, short form).
BEHIND_EXIT = """
    mov esi, [rdi + {{ guards }}]
    xor edx, edx
    test esi, {{ IBRS }}
    jz monitor_predictions
    mov ecx, {{ SPEC_CTRL }}
    mov eax, {{ SPEC_CTRL_IBRS }}
    wrmsr
monitor_predictions:
    test esi, {{ IBPB }}
    jz fill_stack
    mov ecx, {{ PRED_CMD }}
    mov eax, {{ PRED_CMD_IBPB }}
    wrmsr
fill_stack:
    test esi, {{ FILL }}
    jz clear_history
    {% for i in range(ENTRIES) %}
    call filled_{{ i }}
never_{{ i }}:                      /* where a return that runs ahead waits */
    pause
    lfence
    jmp never_{{ i }}
filled_{{ i }}:
    {% endfor %}
    add rsp, {{ 8 * ENTRIES }}
clear_history:
    test esi, {{ CLEAR }}
    jz guarded_end
    mov ecx, 5
    call history_outer
    jmp guarded_end
history_outer:
    call history_inner
    ret
history_inner:
    mov eax, 5
history_taken:
    jmp history_step
    nop
history_step:
    sub eax, 1
    jnz history_taken
    sub ecx, 1
    jnz history_outer
    ret
guarded_end:
    lfence
"""

# VERW of a writable data segment; the operand is in the code because every other register is the guest's by now.
VERW_NOW = """
    .byte 0x0f, 0x00, 0x2d          /* verw [rip + writable] */
    .long writable - . - 4
"""

OPERANDS = """
writable:
    .word {{ DATA_SELECTOR }}
"""

GUARD_CONSTANTS = {
    "IBRS": int(u32(Guards(ibrs=True))),
    "IBPB": int(u32(Guards(ibpb=True))),
    "FILL": int(u32(Guards(fill=True))),
    "CLEAR": int(u32(Guards(clear=True))),
    "VERW": int(u32(Guards(verw=True))),
    "ENTRIES": RETURN_STACK_ENTRIES,
    "SPEC_CTRL": IA32_SPEC_CTRL,
    "SPEC_CTRL_IBRS": SPEC_CTRL_IBRS,
    "PRED_CMD": IA32_PRED_CMD,
    "PRED_CMD_IBPB": PRED_CMD_IBPB,
    "DATA_SELECTOR": DATA_SELECTOR,
}
