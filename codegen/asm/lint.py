"""What keystone 0.9.2 assembles wrongly without a word, or dies of: refused before it sees the text.

Each rule was found by comparing bytes; the sources are keystone's issues 244, 295, 351, 400, 433, 481 and 490.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen.back.errors import BadAssembly

DIRECTIVES = frozenset(
    ".byte .word .short .long .quad .ascii .asciz .skip .fill .balign .p2align .set .code16 .code32 .code64".split()
)
SEGMENTS = frozenset("cs ds es fs gs ss".split())
WORDS = frozenset("byte word dword fword qword tbyte xmmword ymmword ptr rep repe repne repz repnz lock".split())
_LEGACY = "ax bx cx dx si di bp sp".split()
REGISTERS = frozenset(
    [
        *_LEGACY,
        *(f"{prefix}{name}" for prefix in "er" for name in _LEGACY),
        *"al ah bl bh cl ch dl dh sil dil bpl spl rip eip riz eiz".split(),
        *(f"r{number}{suffix}" for number in range(8, 16) for suffix in ("", "d", "w", "b")),
        *(f"{kind}{number}" for kind in ("cr", "dr", "xmm", "ymm", "mm", "k") for number in range(16)),
        *(f"st({number})" for number in range(8)),
        "st",
        *SEGMENTS,
    ]
)
_BASES = frozenset(name for name in REGISTERS if re.fullmatch(r"r?[re]?(ax|bx|cx|dx|si|di|bp|sp|ip)|r\d+d?", name))
_NAME = re.compile(r"(?<![\w.$])[A-Za-z_$][\w.$]*")
_LABEL = re.compile(r"([A-Za-z_$.][\w$.]*)\s*:(?!:)\s*")

# Instruction: what to write instead.
NEEDS_OPERAND = {"vmrun": "rax", "vmload": "rax", "vmsave": "rax", "skinit": "eax", "invlpga": "rax, ecx"}
BETTER = {
    "iret": "iretq or iretd (a bare iret has 16-bit operands)",
    "retf": "retfq, or {{ instruction('retf') }}",
    "lret": "{{ instruction('retf') }}",
    "lretq": "retfq",
    "sysretq": "{{ instruction('sysretq') }}",
    "lcall": "a push of the target and {{ instruction('retf') }}",
}
NAMED = {
    "endbr64": (0xF3, 0x0F, 0x1E, 0xFA),
    "invlpgb": (0x0F, 0x01, 0xFE),
    "retf": (0xCB,),
    "serialize": (0x0F, 0x01, 0xE8),
    "sysretq": (0x48, 0x0F, 0x07),
    "tlbsync": (0x0F, 0x01, 0xFF),
    "vmgexit": (0xF3, 0x0F, 0x01, 0xD9),
    "wbnoinvd": (0xF3, 0x0F, 0x09),
}
"""Instructions that keystone does not know, or that need their bytes spelled out: `{{ instruction("endbr64") }}`."""

LACKING = frozenset("rdpid tpause umwait umonitor lkgs eretu erets movdiri lar lsl incsspq rdsspq".split())


@dataclass(frozen=True, slots=True)
class Line:
    """One statement: its number in the text (from 1), the mode (16, 32 or 64) that it is assembled in, and itself."""

    number: int
    bits: int
    text: str


def statements(text: str, bits: int) -> tuple[list[Line], set[str]]:
    """The statements without comments and labels, and the names of the labels and `.set` symbols."""
    found: list[Line] = []
    names: set[str] = set()
    for number, raw in enumerate(without_comments(text).splitlines(), 1):
        for part in re.findall(r'(?:"[^"]*"|[^";])+', raw):
            statement = part.strip()
            while (label := _LABEL.match(statement)) is not None and label.group(1).lower() not in SEGMENTS:
                names.add(label.group(1))
                statement = statement[label.end() :]
            if statement.startswith(".set"):
                names.add(statement[4:].split(",")[0].strip())
            if statement:
                found.append(Line(number, bits, statement))
            mode = re.fullmatch(r"\.code(16|32|64)", statement)
            bits = int(mode.group(1)) if mode else bits
    return found, names


def without_comments(text: str) -> str:
    """Comments become spaces; lines stay where they are."""
    return re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.DOTALL)


def check(text: str, bits: int) -> list[Line]:
    """The statements, all of which keystone assembles correctly. Raises BadAssembly otherwise."""
    lines, names = statements(text, bits)
    complaints = [
        f"line {line.number}: {line.text}: {complaint}" for line in lines for complaint in faults(line, names)
    ]
    if complaints:
        raise BadAssembly("\n".join(complaints))
    return lines


def faults(line: Line, names: set[str]) -> list[str]:
    """What is wrong with a statement."""
    word, _, rest = line.text.partition(" ")
    word, operands = word.lower(), rest.strip()
    if word.startswith("."):
        if word not in DIRECTIVES:
            return [f"{word} is refused (sections crash keystone, the others it misreads)"]
        if word in (".ascii", ".asciz"):
            return []
    elif re.match(r"\d+:", line.text):
        return ["numeric labels are refused: name the label"]
    while word in WORDS:
        word, _, rest = operands.partition(" ")
        word, operands = word.lower(), rest.strip()
    return [
        *_syntax(line.text),
        *_instruction(word, operands, line.bits),
        *(fault for inner in re.findall(r"\[([^\]]*)\]", operands) for fault in _memory(inner, operands, line.bits)),
        *(f"unknown name {name}" for name in _unknown(operands, names)),
    ]


def _syntax(text: str) -> list[str]:
    found = []
    if "#" in text or "//" in text:
        found.append("comments are written /* so */")
    if "%" in text or "$" in text:
        found.append("AT&T syntax is refused")
    if re.search(r"(?<![\w.])\d+[bf]\b", text):
        found.append("numeric labels are refused: name the label")
    if re.search(r"\boffset\b", text, re.IGNORECASE):
        found.append("OFFSET is refused: the name of a label is its address")
    return found


def _instruction(word: str, operands: str, bits: int) -> list[str]:
    if word in ("ljmp", "jmp") and (word == "ljmp" or re.match(r"(far|fword)\b", operands)) and bits != 16:
        return ["far jumps lose half of their offset: {{ far_jump(selector, label) }}"]
    if word in ("lgdt", "lidt") and bits == 32:
        return [f"loads only 24 bits of the base: {{{{ {word}32(label) }}}}"]
    if word in ("jmp", "call") and operands.startswith("short "):
        return ["short is chosen by itself"]
    if bits == 16 and word == "call" and re.fullmatch(r"[a-ds][xipl]|[bs]p|word ptr.*", operands):
        return ["near calls and RET have four-byte return addresses in 16-bit code, this one two"]
    if bits == 16 and word == "push" and re.match(r"[-\d]", operands):
        return ["pushes four bytes: push a register"]
    if bits == 32 and word in ("push", "pop") and operands in SEGMENTS:
        return ["moves ESP by two: go through a register"]
    if word in NEEDS_OPERAND and not operands:
        return [f"write {word} {NEEDS_OPERAND[word]}"]
    if word in BETTER:
        return [f"write {BETTER[word]}"]
    if word in NAMED:
        return [f"keystone does not know it: {{{{ instruction('{word}') }}}}"]
    if word in LACKING:
        return ["keystone does not know it: make it an intrinsic"]
    return []


def _memory(inner: str, operands: str, bits: int) -> list[str]:
    """An address in brackets."""
    used = {name.lower() for name in _NAME.findall(inner)}
    if re.search(r"-\s*[A-Za-z_]", inner):
        return ["a difference of labels in an address is dropped"]
    if bits != 64:
        return []
    if "riz" in used:
        ordered = re.fullmatch(r"riz\s*\*\s*1\s*\+\s*\w+", inner.strip())
        return [] if ordered else ["write [riz*1 + offset] in this order; {{ gs_load(register, offset) }} does"]
    if not used & _BASES:
        return ["an address without a base register becomes relative to RIP: use a register, or gs_load and gs_store"]
    return []


def _unknown(operands: str, names: set[str]) -> list[str]:
    return [
        name
        for name in _NAME.findall(re.sub(r"\b0[xX][0-9a-fA-F]+\b", "0", operands))
        if name.lower() not in REGISTERS and name.lower() not in WORDS and name not in names
    ]
