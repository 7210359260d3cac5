"""What a random program declares outside its functions: enums, bit structs, layouts, static memory, devices."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.random_programs.kinds import (
    ADDRESSES,
    BOOL,
    INTEGERS,
    U8,
    U16,
    U32,
    U64,
    UNSIGNED,
    BitRange,
    BitsKind,
    Cell,
    EnumKind,
    IntKind,
    Kind,
    StructKind,
)


@dataclass(frozen=True)
class Memory:
    """An array outside all structs: `text` names it. `kind` is a scalar or a struct."""

    text: str
    kind: Kind
    count: int
    constant: bool = False


@dataclass(frozen=True)
class Register:
    """A device register: `text` reaches it; `count` is 0 for a single one."""

    text: str
    kind: Kind
    access: str
    count: int = 0


@dataclass(frozen=True)
class Function:
    """Something to call. `cost` is about how many statements one call runs; `method_of`: the struct before the dot."""

    name: str
    parameters: tuple[tuple[str, Kind], ...]
    result: Kind | None
    cost: int
    method_of: StructKind | None = None


@dataclass
class World:
    """The declarations, and the text that makes them."""

    rng: random.Random
    lines: list[str] = field(default_factory=list)
    enums: list[EnumKind] = field(default_factory=list)
    bit_structs: list[BitsKind] = field(default_factory=list)
    structs: list[StructKind] = field(default_factory=list)
    statics: list[tuple[str, StructKind]] = field(default_factory=list)
    arrays: list[Memory] = field(default_factory=list)
    spans: list[tuple[str, int, bool]] = field(default_factory=list)
    registers: list[Register] = field(default_factory=list)
    per_cpu: StructKind | None = None
    functions: list[Function] = field(default_factory=list)
    tables: list[tuple[str, int, Function]] = field(default_factory=list)

    def scalar(self) -> Kind:
        """A kind of one cell, but for references."""
        choices: list[Kind] = [*self.rng.choices(INTEGERS, k=4), BOOL, *ADDRESSES, *self.enums, *self.bit_structs]
        return self.rng.choice(choices)


def make_world(rng: random.Random) -> World:
    """Everything but the functions."""
    world = World(rng)
    for number in range(2):
        declare_enum(world, f"E{number}")
    for number in range(2):
        declare_bits(world, f"B{number}")
    declare_packed(world, "V0")
    declare_struct(world, "S0", "")
    declare_struct(world, "S1", rng.choice(("", "shared=True")))
    declare_placed(world, "S2")
    declare_scope(world)
    declare_per_cpu(world)
    declare_memory(world)
    declare_devices(world)
    return world


def declare_enum(world: World, name: str) -> None:
    rng = world.rng
    kind = rng.choice((U8, U8, U16, U32, INTEGERS[5], INTEGERS[7]))
    count = rng.randint(2, 6)
    pool = [*range(0, 12), kind.high, kind.low, kind.high // 2]
    first = [0] if rng.random() < 0.93 else []
    values = sorted({*first, *rng.sample(pool, count)})
    members = tuple((f"M{number}", value) for number, value in enumerate(values))
    world.lines += ["", f"class {name}(HwEnum, repr={kind}):", *(f"    {n} = {v}" for n, v in members), ""]
    world.enums.append(EnumKind(name, kind, members))


def declare_bits(world: World, name: str) -> None:
    rng = world.rng
    whole = rng.choice((U8, U16, U32, U64, U64))
    fields: list[BitRange] = []
    position = rng.randint(0, 2)
    while position < whole.bits and len(fields) < 6:
        room = whole.bits - position
        kind = rng.choice((BOOL, *rng.choices(INTEGERS, k=3), *world.enums))
        if kind == BOOL:
            width = 1
        elif isinstance(kind, EnumKind):
            if kind.repr.signed:
                continue
            width = max(value for _, value in kind.members).bit_length()
        else:
            assert isinstance(kind, IntKind)
            width = rng.randint(1, min(kind.bits, room))
        if 0 < width <= room:
            assert isinstance(kind, IntKind | EnumKind) or kind == BOOL
            fields.append(BitRange(f"f{len(fields)}", kind, position, position + width - 1))
        position += width + rng.choice((0, 0, 1, 3))
    world.lines += ["", f"class {name}(BitStruct, repr={whole}):"]
    for each in fields:
        place = f"bit({each.low})" if each.kind == BOOL else f"bits({each.low}, {each.high})"
        world.lines.append(f"    {each.name}: {each.kind} = {place}")
    if not fields:
        fields.append(BitRange("f0", BOOL, 0, 0))
        world.lines.append("    f0: bool = bit(0)")
    world.lines.append("")
    world.bit_structs.append(BitsKind(name, whole, tuple(fields)))


def size_of(kind: Kind) -> int:
    """In bytes."""
    if isinstance(kind, IntKind):
        return kind.bits // 8
    if isinstance(kind, EnumKind | BitsKind):
        return kind.repr.bits // 8
    return 1 if kind == BOOL else 8


def declare_packed(world: World, name: str) -> None:
    """A view of bytes: no enums, whose numbers would often be unknown, but gaps and odd offsets."""
    rng = world.rng
    cells, lines, offset = [], [], rng.randint(0, 2)
    for number in range(rng.randint(2, 4)):
        choices: list[Kind] = [*INTEGERS, BOOL, *world.bit_structs]
        kind = BOOL if number == 0 else rng.choice(choices)
        array = rng.random() < 0.25
        count = rng.randint(2, 3) if array else 1
        cells.append(Cell(f"v{number}", "array" if array else "field", kind, count))
        place = f"at({offset}, count={count})" if array else f"at({offset})"
        lines.append(f"    v{number}: {'Array' if array else 'Field'}[{kind}] = {place}")
        offset += size_of(kind) * count + rng.choice((0, 0, 1, 3))
    world.lines += ["", f"class {name}(Struct, size={offset}, align=1):", *lines, ""]
    world.structs.append(StructKind(name, tuple(cells), offset, packed=True))


def declare_struct(world: World, name: str, options: str) -> None:
    """Placed by the C rule; with a reference to its own kind, an array of atomics' neighbours, an embedded view."""
    rng = world.rng
    cells = [Cell(f"a{number}", "field", world.scalar()) for number in range(rng.randint(3, 6))]
    cells.append(Cell("counter", "atomic", rng.choice(UNSIGNED)))
    atomics: list[Kind] = [*INTEGERS, BOOL, *world.enums, *world.bit_structs]
    cells.append(Cell("state", "atomic", rng.choice(atomics)))
    cells.append(Cell("items", "array", world.scalar(), rng.randint(2, 5)))
    cells.append(Cell("inner", "embedded", world.structs[0]))
    other = rng.choice([kind.name for kind in world.structs if not kind.packed] or [name])
    rng.shuffle(cells)
    lines = []
    for cell in cells:
        form = {"field": "Field", "atomic": "Atomic", "array": "Array"}.get(cell.form)
        count = f" = count({cell.count})" if cell.form == "array" else ""
        lines.append(f"    {cell.name}: {f'{form}[{cell.kind}]' if form else cell.kind}{count}")
    lines.append(f'    next: Field["{other} | None"]')
    world.lines += ["", f"class {name}(Struct{', ' if options else ''}{options}):", *lines, ""]
    kind = StructKind(name, tuple(cells))
    target = kind if other == name else next(each for each in world.structs if each.name == other)
    world.structs.append(StructKind(name, (*cells, Cell("next", "field", target, nullable=True))))


def declare_placed(world: World, name: str) -> None:
    """Every cell at an offset of its own, with gaps; arrays with a stride, and an array of structs."""
    rng = world.rng
    cells, lines, offset = [], [], 0
    for number in range(rng.randint(2, 5)):
        kind = world.scalar()
        size = size_of(kind)
        offset = (offset + size - 1) // size * size
        if rng.random() < 0.3:
            stride = size * rng.randint(1, 3)
            count = rng.randint(2, 4)
            lines.append(f"    p{number}: Array[{kind}] = at({offset}, count={count}, stride={stride})")
            cells.append(Cell(f"p{number}", "array", kind, count))
            offset += stride * count
        else:
            lines.append(f"    p{number}: Field[{kind}] = at({offset})")
            cells.append(Cell(f"p{number}", "field", kind))
            offset += size
        offset += rng.choice((0, 0, 4, 9))
    view = world.structs[0]
    lines.append(f"    views: Array[{view}] = at({offset}, count=2)")
    cells.append(Cell("views", "array", view, 2))
    size = (offset + 2 * view.size + 7) // 8 * 8
    world.lines += ["", f"class {name}(Struct, size={size}, align=8):", *lines, ""]
    world.structs.append(StructKind(name, tuple(cells)))


def declare_scope(world: World) -> None:
    """A lock-like struct."""
    world.lines += [
        "", "class Guard(Struct):", "    depth: Field[u32]", "    left: Field[u32]", "",
        "    @fn", "    def __enter__(self) -> None:", "        self.depth = self.depth.wrapping_add(1)", "",
        "    @fn", "    def __exit__(self, *_: object) -> None:",
        "        self.left = self.left.wrapping_mul(3) ^ self.depth",
        "", "", "GUARD = storage(Guard)",
    ]  # fmt: skip
    cells = (Cell("depth", "field", U32), Cell("left", "field", U32))
    world.structs.append(StructKind("Guard", cells, scope=True))
    world.statics.append(("GUARD", world.structs[-1]))


def declare_per_cpu(world: World) -> None:
    rng = world.rng
    cells = [Cell(f"c{number}", "field", world.scalar()) for number in range(3)]
    cells.append(Cell("list", "array", rng.choice(INTEGERS), 3))
    lines = [f"    c{number}: Field[{cells[number].kind}]" for number in range(3)]
    lines.append(f"    list: Array[{cells[3].kind}] = count(3)")
    world.lines += ["", "class PerProcessor(Struct):", "    self_address: Field[Hva]", *lines, "", ""]
    world.lines.append("CPU = per_cpu(PerProcessor)")
    world.per_cpu = StructKind("PerProcessor", tuple(cells))


def declare_memory(world: World) -> None:
    """Structs, pools, tables, byte strings, a buffer."""
    rng = world.rng
    for number, struct in enumerate(world.structs[1:4]):
        world.lines.append(f"G{number} = storage({struct})")
        world.statics.append((f"G{number}", struct))
    pool = world.structs[1]
    world.lines.append(f"POOL = storage_array({pool}, 3)")
    world.arrays.append(Memory("POOL", pool, 3))
    kind = rng.choice(INTEGERS)
    count = rng.choice((2, 5, 200, 300))
    world.lines.append(f"CELLS = storage_array({kind}, {count})")
    world.arrays.append(Memory("CELLS", kind, count))
    kind = rng.choice(INTEGERS)
    values = [rng.choice((kind.low, kind.high, 0, 1, rng.randint(kind.low, kind.high))) for _ in range(6)]
    world.lines.append(f"TABLE = table({kind}, {values})")
    world.arrays.append(Memory("TABLE", kind, 6, constant=True))
    view = world.structs[0]
    fields = [cell for cell in view.cells if cell.form == "field" and isinstance(cell.kind, IntKind)]
    rows = ", ".join(
        f"init({view}, {', '.join(f'{c.name}={rng.randint(0, 100)}' for c in fields)})" for _ in range(3)
    )  # fmt: skip
    world.lines.append(f"ROWS = table({view}, [{rows}])")
    world.arrays.append(Memory("ROWS", view, 3, constant=True))
    world.lines += [
        "",
        "class Buffer(Struct):",
        "    content: Array[u8] = count(48)",
        "",
        "",
        "BUFFER = storage(Buffer)",
    ]
    text = bytes(rng.choice((0x41, 0x42, 0x7A, 0x30)) for _ in range(rng.randint(3, 20)))
    world.lines.append(f"TEXT = span({text!r})")
    world.spans += [("span_of(BUFFER)", 48, True), ("TEXT", len(text), False)]


def declare_devices(world: World) -> None:
    """One block of each kind; registers of every scalar kind but addresses."""
    rng = world.rng
    kinds: list[Kind] = [*INTEGERS, BOOL, *world.enums, *world.bit_structs]
    for block, base, prefix in (("Window", "MmioBlock", "m"), ("Bank", "PortBlock", "p")):
        lines, offset = [], 0
        for number in range(4):
            kind = rng.choice(kinds)
            width = size_of(kind)
            if prefix == "p" and width == 8:
                kind, width = U32, 4
            offset = (offset + width - 1) // width * width
            access = rng.choice(("", "", "RO", "WO"))
            more = f", access={access}" if access else ""
            count = rng.randint(2, 4) if number == 3 else 0
            if count:
                stride = width * rng.randint(1, 2)
                lines.append(f"    r{number}: RegArray[{kind}] = at({offset}, count={count}, stride={stride}{more})")
                offset += stride * count
            else:
                lines.append(f"    r{number}: Reg[{kind}] = at({offset}{more})")
                offset += width
            world.registers.append(Register(f"{block.lower()}.r{number}", kind, access or "RW", count))
        world.lines += ["", f"class {block}({base}, size={offset}):", *lines, ""]
        if prefix == "m":
            world.lines += ["", "window = mmio(Window, Hpa(0xFEC0_0000))"]
            world.lines.append(f'DEVICES.append(("mmio", 0xFEC0_0000, {offset}))')
        else:
            world.lines += ["", "bank = ports(Bank, u16(0x3F8))"]
            world.lines.append(f'DEVICES.append(("port", 0x3F8, {offset}))')
