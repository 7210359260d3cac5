"""What the shell prints: whole lines by `say`, and the line that is being typed. To the serial line and to the screen;
nothing of it is the monitor's log. What takes the console's lock says so; the rest wants it held."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, TextSink, fn, i64, len, range, span, storage, u8, u32, u64
from hypervisor.console.console import CONSOLE, LINE_END, console_push, end_open_line, queue_byte
from hypervisor.console.line import LineBuffer
from hypervisor.console.screen import screen_place_cursor, screen_put
from hypervisor.shell.edit import EditLine

SHELL = 0xFFFF_FFFE  # the speaker that is the shell
PROMPT = span(b"keelback> ")


class ShellOutput(Struct):
    """The line that is being put together, and how long the typed line on the terminal is."""

    line: LineBuffer
    drawn: Field[u32]


OUTPUT = storage(ShellOutput)


@fn(cold=True)
def print_text(text: Span) -> None:
    """Bytes of the shell's own."""
    for i in range(len(text)):
        print_byte(text[i])


@fn(cold=True)
def print_byte(byte: u8) -> None:
    screen_put(byte)
    queue_byte(byte)


@fn(cold=True)
def prompt_is_shown() -> bool:
    """Whether the terminal's last line is the one that is being typed: nobody has spoken since."""
    return CONSOLE.line_open and CONSOLE.speaker == SHELL


@fn(cold=True)
def draw_prompt(edit: EditLine) -> None:
    """The prompt and the line, over what was drawn of it before; no more than CR and BS are asked of the terminal.
    Takes the lock."""
    with CONSOLE.lock:
        draw_line(edit)


@fn(cold=True)
def draw_line(edit: EditLine) -> None:
    """The same, within."""
    if prompt_is_shown():
        print_byte(u8(0x0D))
    else:
        end_open_line(u32(SHELL))
        OUTPUT.drawn = 0
    print_text(PROMPT)
    print_text(edit.span())
    for _ in range(OUTPUT.drawn.saturating_sub(edit.length)):
        print_byte(u8(0x20))
    for _ in range(OUTPUT.drawn.saturating_sub(edit.length) + (edit.length - edit.cursor)):
        print_byte(u8(0x08))
    OUTPUT.drawn = edit.length
    CONSOLE.line_open = True
    screen_place_cursor()
    console_push()


@fn(cold=True)
def draw_typed(edit: EditLine, byte: u8) -> None:
    """After one character was inserted: by itself where that is all there is to draw. Takes the lock."""
    with CONSOLE.lock:
        if not prompt_is_shown() or edit.cursor != edit.length:
            draw_line(edit)
            return
        print_byte(byte)
        OUTPUT.drawn = edit.length
        screen_place_cursor()
        console_push()


@fn(cold=True)
def leave_prompt() -> None:
    """The line is entered: what comes now begins below it. Takes the lock."""
    with CONSOLE.lock:
        if prompt_is_shown():
            print_text(LINE_END)
        CONSOLE.line_open = False


@fn(cold=True)
def begin_say() -> None:
    OUTPUT.line.clear()


@fn(cold=True)
def put_text(piece: Span) -> None:
    OUTPUT.line.put_text(piece)


@fn(cold=True)
def put_unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    OUTPUT.line.put_unsigned(value, base, width, flags)


@fn(cold=True)
def put_signed(value: i64, width: u32) -> None:
    OUTPUT.line.put_signed(value, width)


@fn(cold=True)
def end_say() -> None:
    """Takes the lock."""
    with CONSOLE.lock:
        end_open_line(u32(SHELL))
        print_text(OUTPUT.line.span())
        print_text(LINE_END)
        screen_place_cursor()
        console_push()


say = TextSink(begin=begin_say, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_say)
