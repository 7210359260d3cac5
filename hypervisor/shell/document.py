"""docs/shell.md from the table of commands. Runs at build time."""

from __future__ import annotations

from hypervisor.console.scrollback import SCROLLBACK_BYTES
from hypervisor.console.switch import TAIL_LINES
from hypervisor.console.typed import TYPED_BYTES
from hypervisor.shell.history import LINES
from hypervisor.shell.table import LIST

HEAD = f"""# The console and the shell

Made from `hypervisor/shell/table.py` and the commands in `hypervisor/shell/commands/` by `./build.py document`.

All guests' serial ports share the machine's one console: COM1, 115200 8N1, and the screen with a PS/2 keyboard (US
layout). Where there is no UART, guests are shown on the screen; where there is one, from the first key on that is
pressed on the keyboard.

| keys | what |
|---|---|
| Ctrl-A and a digit | the console of that VM, from its last {TAIL_LINES} lines on; what is typed goes to it |
| Ctrl-A, a name, Enter | the same by name, or by what only one name begins with |
| Ctrl-A ' name Enter | the same for names that begin with a digit, `a`, `m` or `?` |
| Ctrl-A a | the lines of all VMs behind `[NAME]`; with one VM its bytes as they are. So the console begins |
| Ctrl-A m | the shell |
| Ctrl-A Ctrl-A | Ctrl-A itself, for the guest (in the shell: the start of the line) |
| Ctrl-A ? | this in one line |
| Ctrl-A x | with `./build.py run`: leave the machine |

The last {SCROLLBACK_BYTES >> 10} KiB that each guest has sent are kept, whether shown or not. A guest that is shown
waits when the line is that far behind, one that is not shown never does. Guests that are shown together have the line
in turns, a line of each, so a flood delays nobody's. The monitor's own lines come in every view. What is typed waits
for its guest, up to {TYPED_BYTES >> 10} KiB before the sender is asked to wait; a guest that then takes nothing for one
to two seconds loses it.

In the shell: left, right, Home, End, Backspace, Delete; Ctrl-K and Ctrl-U delete to the end and to the start, Ctrl-W a
word; up and down go through the last {LINES} lines; Tab completes commands and VMs; Ctrl-C drops the line, and ends a
command that still prints. VM is a name, the beginning of one, or a number; N a decimal number; CPUS are processors:
`0,2-3`.

| command | what |
|---|---|
"""
TAIL = """
A command is one function with its usage (`hypervisor/shell/command.py`):

```python
@command("weight VM N")
@fn(cold=True)
def set_weight(call: Call) -> Progress:
    \"\"\"Sets the VM's part of the processors' time, in relation to the other VMs' weights.\"\"\"
```

The arguments are checked before it is called (`call.vm`, `call.number`), and its docstring is the help. One that has
much to say prints a bounded piece, answers `Progress.MORE`, and is called again in a later service round with
`call.step` one higher: the shell never holds the processor.
"""


def shell_page() -> str:
    """The whole page."""
    rows = "".join(f"| `{each.usage}` | {each.summary} |\n" for each in LIST)
    return HEAD + rows + TAIL
