"""A line that was entered: checked against the table, then carried out, a bounded piece at a time."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, range, span, storage, u32
from hypervisor.console.names import find_guest, parse_number
from hypervisor.progress import Progress
from hypervisor.shell.call import WORDS_MAX, Call
from hypervisor.shell.command import Argument
from hypervisor.shell.cpus import parse_cpus
from hypervisor.shell.output import say
from hypervisor.shell.table import ENTRIES, FUNCTIONS, find_command


class Running(Struct):
    """`busy`: the command of `call` has more to say."""

    busy: Field[bool]
    call: Call


RUNNING = storage(Running)


@fn(cold=True)
def enter_line(text: Span) -> None:
    """Check a line; if it is right it runs from `run_step` on, otherwise what is wrong was said."""
    call = RUNNING.call
    call.split(text)
    if call.word_count == 0:
        return
    number = find_command(call.word(u32(0)))
    if number is None:
        say(f"{call.word(u32(0))}: no such command; `help` lists them")
        return
    call.command = number
    RUNNING.busy = takes_arguments(call)


@fn(cold=True)
def takes_arguments(call: Call) -> bool:
    """Check the arguments against the usage, and keep their values."""
    if call.word_count > WORDS_MAX:
        return refuse_usage(call)
    for i in range(u32(1), u32(WORDS_MAX)):
        wanted = ENTRIES[call.command].arguments[i - 1]
        if i < call.word_count:
            if not takes_argument(call, wanted, call.word(i)):
                return False
        elif is_required(wanted):
            return refuse_usage(call)
    return True


@fn(cold=True)
def is_required(wanted: Argument) -> bool:
    """Whether the usage names no brackets around it."""
    match wanted:
        case Argument.VM | Argument.NUMBER | Argument.SWITCH | Argument.CPU_SET:
            return True
        case _:
            return False


@fn(cold=True)
def takes_argument(call: Call, wanted: Argument, word: Span) -> bool:
    """Check one."""
    match wanted:
        case Argument.NONE:
            return refuse_usage(call)
        case Argument.VM | Argument.OPTIONAL_VM:
            vm = find_guest(word)
            if vm is None:
                say(f"{word}: no such VM; `list` shows them")
                return False
            call.vm = vm
            call.vm_given = True
        case Argument.NUMBER:
            number = parse_number(word)
            if number is None:
                say(f"{word}: no decimal number; usage: {ENTRIES[call.command].usage_span()}")
                return False
            call.number = number
        case Argument.CPU_SET:
            cpus = parse_cpus(word)
            if cpus is None:
                say(f"{word}: no processors; write numbers and ranges, as 0,2-3")
                return False
            call.number = cpus
        case Argument.SWITCH:
            call.on = word.equals(span(b"on"))
            if not call.on and not word.equals(span(b"off")):
                return refuse_usage(call)
        case Argument.OPTIONAL_NOW:
            call.now = word.equals(span(b"now"))
            if not call.now:
                return refuse_usage(call)
        case Argument.OPTIONAL_COMMAND:
            named = find_command(word)
            if named is None:
                say(f"{word}: no such command; `help` lists them")
                return False
            call.named = named
            call.named_given = True
    return True


@fn(cold=True)
def refuse_usage(call: Call) -> bool:
    """Too many words, or too few."""
    say(f"usage: {ENTRIES[call.command].usage_span()}")
    return False


@fn(cold=True)
def run_step() -> None:
    """One piece of the command that is running."""
    progress = FUNCTIONS[RUNNING.call.command](RUNNING.call)
    RUNNING.call.step += 1
    RUNNING.busy = progress == Progress.MORE
