"""One routine, walked along every way through it with the stack pointer in mind: how deep it goes, and what it calls.

Depths are in bytes below the stack pointer at the routine's start, where the return address lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from capstone import x86

from codegen.inspect.machine_code import MachineCode, Routine, decoder
from codegen.inspect.stack_effect import Pointers, StackEffects, UnknownEffect, accesses_below

STUB_DEPTHS = 16
"""How many depths one instruction of a stub may be reached at: more than the iterations of any loop that calls itself
deeper (the longest, which overwrites the branch history, has 5)."""

ENDS = ("ret", "retf", "retfq", "iretq", "iretd", "hlt", "ud2", "int3")


class BadFlow(Exception):
    """Code whose stack cannot be bounded; the message names the routine and the instruction."""


@dataclass(frozen=True, slots=True)
class Call:
    """`depth` is that of the callee's start. `fresh`: on another stack, whose top it starts at."""

    target: int
    depth: int
    fresh: bool


@dataclass
class Flow:
    """`deepest` without what is called. `popped` are the bytes of arguments that a RET takes along (i386 only).
    `leaves`: a stub goes on outside of the image. `below` are accesses beneath the stack pointer, in words."""

    deepest: int = 0
    returns: bool = False
    popped: int = 0
    leaves: bool = False
    calls: list[Call] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _State:
    """At an address, with these depths."""

    address: int
    sp: int | None
    bp: int | None


class Walker:
    """Walks routines of one image. `callee(address)` is the flow of what it calls, None if
    that does not come back. `entered` are stubs that
    give addresses of their own to the processor, which goes on there with a stack pointer of its own."""

    def __init__(self, code: MachineCode, callee: Callable[[int], Flow | None], entered: frozenset[str]) -> None:
        self.code = code
        self.word = code.bits // 8
        self._callee = callee
        self._entered = entered
        self._machine = decoder(code.bits)
        self._mask = (1 << code.bits) - 1

    def walk(self, routine: Routine, start: int) -> Flow:
        """All ways from `start` on. Raises BadFlow."""
        flow = Flow()
        instructions = {each.address: each for each in routine.instructions}
        seen: dict[int, set[int | None]] = {}
        effects = StackEffects(self.code.bits, routine.kind == "stub")
        pending = [_State(start, 0, None)]
        while pending:
            state = pending.pop()
            depths = seen.setdefault(state.address, set())
            if state.sp in depths:
                continue
            if depths and routine.kind != "stub":
                raise BadFlow(f"{routine.name}: depths {depths} and {state.sp} meet at {state.address:#x}")
            if len(depths) == STUB_DEPTHS:
                continue
            depths.add(state.sp)
            instruction = instructions.get(state.address) or self._decode(routine, state.address)
            pending += self._step(routine, instruction, state, flow, effects)
        flow.reached.update(seen)
        return flow

    def _decode(self, routine: Routine, address: int) -> Any:
        if routine.kind == "stub" and routine.start <= address < routine.end:
            for instruction in self._machine.disasm(routine.code[address - routine.start :], address, 1):
                return instruction
        raise BadFlow(f"{routine.name}: control reaches {address:#x}, which is no instruction of it")

    def _step(
        self, routine: Routine, instruction: Any, state: _State, flow: Flow, effects: StackEffects
    ) -> Iterator[_State]:
        following = instruction.address + instruction.size
        mnemonic = instruction.mnemonic.split()[-1]
        before = Pointers(state.sp, state.bp)
        place = f"{mnemonic} {instruction.op_str} at {instruction.address:#x}"
        try:
            after = effects.after(instruction, mnemonic, before)
        except UnknownEffect:
            raise BadFlow(f"{routine.name}: {place} moves the stack") from None
        if after.sp is not None:
            flow.deepest = max(flow.deepest, after.sp)
        if accesses_below(instruction, mnemonic, before):
            flow.below.append(place)
        if mnemonic == "lea" and routine.name in self._entered:
            yield from self._named_entries(routine, instruction)
        if mnemonic in ENDS:
            flow.returns |= mnemonic.startswith(("ret", "iret"))
            if mnemonic == "ret" and instruction.operands:
                flow.popped = instruction.operands[0].imm
            if mnemonic == "hlt" and following < routine.end:
                yield _State(following, after.sp, after.bp)
            if mnemonic.startswith("retf") and any(following in self._addresses(i) for i in routine.instructions):
                yield _State(following, None if after.sp is None else after.sp - 2 * self.word, after.bp)
        elif mnemonic == "call":
            yield from self._call(routine, instruction, state, flow)
        elif mnemonic == "jmp":
            targets = self._targets(routine, instruction)
            if not targets:
                flow.leaves = flow.returns = True
            for target in targets:
                yield from self._jump(routine, target, after, flow)
        else:
            if mnemonic.startswith(("j", "loop")):
                yield from self._jump(routine, instruction.operands[0].imm & self._mask, after, flow)
            yield _State(following, after.sp, after.bp)

    def _jump(self, routine: Routine, target: int, state: Pointers, flow: Flow) -> Iterator[_State]:
        """Within the routine; or out of it, as its last call. Its end is the place of an empty unreachable block."""
        if routine.start <= target < routine.end:
            yield _State(target, state.sp, state.bp)
        elif target != routine.end or self._starts_routine(target):
            flow.calls.append(Call(target, state.sp or 0, state.sp is None))
            if (callee := self._callee(target)) is not None:
                flow.returns, flow.popped = True, callee.popped

    def _call(self, routine: Routine, instruction: Any, state: _State, flow: Flow) -> Iterator[_State]:
        targets, popped = self._targets(routine, instruction), 0
        returns = not targets
        flow.leaves |= returns
        for target in targets:
            depth = None if state.sp is None else state.sp + self.word
            flow.deepest = max(flow.deepest, depth or 0)
            if routine.kind == "stub" and routine.start <= target < routine.end:
                yield _State(target, depth, state.bp)
                returns = True
            else:
                flow.calls.append(Call(target, depth or self.word, depth is None))
                if (callee := self._callee(target)) is not None:
                    returns, popped = True, callee.popped
        following = instruction.address + instruction.size
        if returns and following < routine.end:
            yield _State(following, None if state.sp is None else state.sp - popped, state.bp)

    def _targets(self, routine: Routine, instruction: Any) -> list[int]:
        """Where a CALL or JMP goes: through memory or a register, to all entries of the tables that it may mean. Of
        a stub also nowhere: to an address that it was given."""
        operand = instruction.operands[0]
        if operand.type == x86.X86_OP_IMM:
            return [operand.imm & self._mask]
        sources = [instruction] if operand.type == x86.X86_OP_MEM and operand.mem.disp else routine.instructions
        calls = instruction.mnemonic == "call"
        found = {target for source in sources for place in self._addresses(source)
                 for target in self._table(routine, place, calls)}  # fmt: skip
        if not found and routine.kind != "stub":
            raise BadFlow(f"{routine.name}: {instruction.mnemonic} {instruction.op_str} goes anywhere")
        return sorted(found)

    def _addresses(self, instruction: Any) -> Iterator[int]:
        """Addresses that an instruction's operands name."""
        for operand in instruction.operands:
            if operand.type == x86.X86_OP_IMM:
                yield operand.imm & self._mask
            elif operand.type == x86.X86_OP_MEM and operand.mem.disp:
                relative = instruction.address + instruction.size if operand.mem.base == x86.X86_REG_RIP else 0
                yield (operand.mem.disp + relative) & self._mask

    def _table(self, routine: Routine, place: int, calls: bool) -> Iterator[int]:
        """The code addresses in a table of functions, which has a symbol, or in a jump table, which has none."""
        size = self.code.objects.get(place, ("", 0))[1]
        if size:
            words = [self.code.word(place + offset) for offset in range(0, size, self.word)]
            starts = [word for word in words if word is not None and self._starts_routine(word)]
            if len(starts) == size // self.word:
                yield from starts
        elif not calls:
            while (word := self.code.word(place)) is not None and routine.start <= word < routine.end:
                yield word
                place += self.word

    def _starts_routine(self, address: int) -> bool:
        found = self.code.routine_at(address)
        return found is not None and found.start == address

    def _named_entries(self, routine: Routine, instruction: Any) -> Iterator[_State]:
        """What it takes the address of, further down."""
        for place in self._addresses(instruction):
            if routine.start <= place < routine.end and place > instruction.address:
                yield _State(place, None, None)
