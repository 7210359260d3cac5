"""docs/ctl.md from the table of verbs. Runs at build time."""

from __future__ import annotations

from hypervisor.ctl.json import JsonError
from hypervisor.ctl.request import LINE_MAX, MEMBERS_MAX, ValueKind
from hypervisor.ctl.table import LIST
from hypervisor.ctl.verb import Verb

HEAD = f"""# Asking a running machine

Made from `hypervisor/ctl/table.py` and the verbs in `hypervisor/ctl/verbs/` by `./build.py document`.

```
./build.py ctl VERB [KEY=VALUE ...] [--machine NAME]    # the machine of NAME.toml; without it the newest one
./build.py ctl top                                      # who uses the processors, each second, until Ctrl-C
./build.py ctl trace -o FILE [--seconds N]              # a trace for ui.perfetto.dev (tracing.md)
```

## The protocol

The machine's second serial port (COM2, 115200 8N1) answers requests. `./build.py run` makes it a Unix socket,
`build/run/NAME.ctl`, for one client at a time. A request is one line, an answer is one line, in the order of the
requests; each is one JSON object.

    {{"id": 1, "verb": "events", "cpu": 0}}
    {{"id":1,"ok":true,"cpu":0,"events":"…","lost":0}}
    {{"id": 2, "verb": "fly"}}
    {{"id":2,"ok":false,"error":"no such verb"}}

A request has a `verb`, that verb's arguments and no other member; `id`, a number which the answer repeats, may be left
out (the answer then has null). It has at most {LINE_MAX} bytes and {MEMBERS_MAX} members; strings are printable ASCII,
numbers 0 to 2^64 - 1, and nothing is nested. What is no such object is refused:

"""

TAIL = """
The port is served by the first processor between turns, after an interrupt, and once a second in any case. One service
round takes at most 1024 bytes, puts one bounded piece of an answer, and sends what the port takes. The next request
waits in the port until the answer is complete: whoever sends without waiting may lose bytes on a real line. When the
port reports an error, every line is refused of which a byte may be missing, with `id` null: nothing of it was done.

A verb is one function with its usage (`hypervisor/ctl/verb.py`):

```python
@verb("events cpu=N")
@fn(cold=True)
def read_events(request: Request) -> Progress:
```

Its arguments are checked before it is called; its docstring is the row above. One that has much to say puts a piece,
answers `Progress.MORE`, and is called again with `request.step` one higher. It refuses by `refuse`, in its first call.
"""


def ctl_page() -> str:
    """The whole page."""
    errors = "".join(f"* `{bytes(error.words()).decode()}`\n" for error in JsonError)
    rows = "".join(f"| `{usage(each)}` | {each.summary} |\n" for each in LIST)
    return f"{HEAD}{errors}\n| verb | what |\n|---|---|\n{rows}{TAIL}"


def usage(verb: Verb) -> str:
    """As `./build.py ctl` takes it."""
    words = {ValueKind.TEXT: "TEXT", ValueKind.NUMBER: "N"}
    return " ".join([verb.name, *(f"{key}={words[kind]}" for key, kind in verb.arguments)])
