# ruff: noqa
# fmt: off
from codegen.lang import (
    Array, Atomic, Field, HwEnum, BitStruct, Hva, MmioBlock, Reg, RegArray, PortBlock, Struct, at, bit, bits, count, init, per_cpu,
    storage, storage_array, table, u8, u16, u32, u64,
)


class Kind(HwEnum, repr=u32):
    ONE = 1


class Plain(Struct):
    x: Field[u32]
# ----
class Inherited(Plain):
#     ^^^^^^^^^ error: Inherited: layouts do not inherit
#     help: hold the other one as a field
    y: Field[u32]
# ----
class Overlapping(Struct):
    first: Field[u32] = at(0)
    second: Field[u64] = at(0)
#                        ^^^^^ error: Overlapping.second at 0x0 overlaps first at 0x0
#                        note: `first` is declared here: `first: Field[u32] = at(0)` in `first: Field[u32] = at(0)`
# ----
class Misaligned(Struct):
    first: Field[u32] = at(2)
#                       ^^^^^ error: Misaligned.first at 0x2 is not aligned to 4 bytes
#                       help: `align=1` on the class allows unaligned cells
# ----
class Half(Struct):
    first: Field[u32] = at(0)
    second: Field[u32]
#   ^^^^^^^^^^^^^^^^^^ error: Half.second: a layout places either every cell with at(…) or none
#   note: `first` is declared here: `first: Field[u32] = at(0)` in `first: Field[u32] = at(0)`
# ----
class NoPlace(Struct):
    first: Field[u32] = 0
#                       ^ error: NoPlace.first = 0: a cell is placed by at(offset) or by the C rule
#                       help: write `at(offset)`, or nothing
# ----
class Dunder(Struct):
    __first__: Field[u32]
#   ^^^^^^^^^^^^^^^^^^^^^ error: Dunder.__first__ is no name for a field
# ----
class Bare(Struct):
    first: u32
#          ^^^ error: Bare.first: u32 is no cell: write Field[…], Array[…], Atomic[…] or a struct's name
# ----
class Aligned(Struct, align=3):
#     ^^^^^^^ error: Aligned: align=3 is no power of two
    first: Field[u8]
# ----
class TooSmall(Struct, size=4):
#     ^^^^^^^^ error: TooSmall: size 4 does not hold 8 bytes aligned to 8
    first: Field[u64] = at(0)
# ----
class Itself(Struct):
    first: Array["Itself"] = count(2)
#          ^^^^^^^^^^^^^^^ error: Itself.first: a struct does not hold itself
#          help: `Array["Itself | None"]` holds references
# ----
class Later(Struct):
    first: Array["Defined"] = count(2)
#          ^^^^^^^^^^^^^^^^ error: Later.first: the element's class stands further down
# ----
class Python(Struct):
    first: Field[int]
#          ^^^^^^^^^^ error: Python.first: int does not stand in memory
# ----
class CountOfField(Struct):
    first: Field[u8] = at(0, count=3)
#                      ^^^^^^^^^^^^^^ error: CountOfField.first: count belongs to Array[…]
# ----
class NoCount(Struct):
    first: Array[u8] = at(0)
#                      ^^^^^ error: NoCount.first: an array has a count of 1 or more
#                      help: write `at(offset, count=n)`
# ----
class Stride(Struct):
    first: Array[u32] = at(0, count=2, stride=2)
#                       ^^^^^^^^^^^^^^^^^^^^^^^^ error: Stride.first: stride 2 does not hold elements of 4 bytes
# ----
class Misspelt(Struct):
    first: Feild[u32]
#          ^^^^^ error: unknown name `Feild`
#          note: while this runs: `class Misspelt(Struct):...` in `class Misspelt(Struct):`
#          help: did you mean `Field`?
# ----
class MisspeltType(Struct):
    first: Field[u23]
#                ^^^ error: unknown name `u23`
#                note: while this runs: `class MisspeltType(Struct):...` in `class MisspeltType(Struct):`
#                help: did you mean `u32`?
# ----
class NotImported(Struct):
    first: Field[i64]
#                ^^^ error: unknown name `i64`
#                note: while this runs: `class NotImported(Struct):...` in `class NotImported(Struct):`
#                help: `from codegen.lang import i64`
# ----
class Option(Struct, sized=8):
#     ^^^^^^ error: Struct.__init_subclass__() got an unexpected keyword argument 'sized'
    first: Field[u8]
# ----
class NoRepr(HwEnum):
#     ^^^^^^ error: class NoRepr needs repr=, an integer type of the language
    ONE = 1
# ----
class PythonRepr(HwEnum, repr=int):
#     ^^^^^^^^^^ error: class PythonRepr needs repr=, an integer type of the language, not int
    ONE = 1
# ----
class TooLarge(HwEnum, repr=u8):
    ONE = 1
    MANY = 256
#   ^^^^^^^^^^ error: TooLarge.MANY = 256 is no u8
# ----
class NoBits(BitStruct):
#     ^^^^^^ error: class NoBits needs repr=, an integer type of the language
    x: bool = bit(0)
# ----
class OutOfRange(BitStruct, repr=u8):
    x: bool = bit(8)
#             ^^^^^^ error: OutOfRange.x: bits 8 to 8 are not in u8
# ----
class BitsOverlap(BitStruct, repr=u32):
    low: u8 = bits(0, 7)
    middle: u8 = bits(4, 11)
#                ^^^^^^^^^^^ error: BitsOverlap.middle: bits 4 to 11 overlap low
#                note: `low` is declared here: `low: u8 = bits(0, 7)` in `low: u8 = bits(0, 7)`
# ----
class WideBool(BitStruct, repr=u32):
    x: bool = bits(0, 1)
#   ^^^^^^^^^^^^^^^^^^^^ error: WideBool.x: a bool is one bit, not 2
# ----
class StructInBits(BitStruct, repr=u32):
    x: Plain = bits(0, 1)
#      ^^^^^ error: StructInBits.x: a bit field is a bool, an integer or an enum, not Plain
# ----
class NarrowType(BitStruct, repr=u32):
    x: u8 = bits(0, 8)
#   ^^^^^^^^^^^^^^^^^^ error: NarrowType.x: 9 bits do not fit u8
# ----
class NoBitPlace(BitStruct, repr=u32):
    x: bool
#   ^^^^^^^ error: NoBitPlace.x needs a place: bit(n) or bits(low, high)
# ----
class NoSize(MmioBlock):
#     ^^^^^^ error: class NoSize needs size=
#     help: write `size=` and the block's bytes
    x: Reg[u32] = at(0)
# ----
class NoRegisterPlace(MmioBlock, size=8):
    x: Reg[u32]
#   ^^^^^^^^^^^ error: NoRegisterPlace.x needs a place: at(offset)
# ----
class FieldInBlock(MmioBlock, size=8):
    x: Field[u32] = at(0)
#      ^^^^^^^^^^ error: FieldInBlock.x: write Reg[…] or RegArray[…]
# ----
class CountInBlock(PortBlock, size=8):
    x: Reg[u8] = at(0, count=2)
#   ^^^^^^^^^^^^^^^^^^^^^^^^^^^ error: CountInBlock.x: count belongs to RegArray[…], which needs it
# ----
class Outside(PortBlock, size=8):
    x: Reg[u32] = at(6)
#                 ^^^^^ error: Outside.x at 0x6 is not inside the block of 0x8 bytes
# ----
class Access(PortBlock, size=8):
    x: Reg[u32] = at(4, access="R0")
#                 ^^^^^^^^^^^^^^^^^^ error: access is RO, WO or RW, not 'R0'
# ----
class RegisterType(PortBlock, size=8):
    x: Reg[Plane] = at(4)
#          ^^^^^ error: unknown name `Plane`
#          note: while this runs: `class RegisterType(PortBlock, size=8):...` in `class RegisterType(PortBlock, size=8):`
#          help: did you mean `Plain`?
# ----
class Cpu(Struct):
    count: Field[u32]


CPU = per_cpu(Cpu)
#     ^^^^^^^^^^^^ error: the first field of Cpu must be self_address: Field[Hva]
# ----
STORED = storage(u32)
#        ^^^^^^^^^^^^ error: storage takes a Struct, not u32
# ----
POOL = storage_array(int, 4)
#      ^^^^^^^^^^^^^^^^^^^^^ error: int does not stand in memory
# ----
TABLE = table(u8, [1, 2, 300])
#       ^^^^^^^^^^^^^^^^^^^^^^ error: 0x12c does not fit u8
# ----
TABLE = table(Plain, [3])
#       ^^^^^^^^^^^^^^^^^ error: init(Plain, …) expected, not literal
# ----
TABLE = table(Plain, [init(Plain, y=3)])
#                     ^^^^^^^^^^^^^^^^ error: Plain has no field y
# ----
TABLE = table(Plain, [init(Plain, x=u64(3))])
#       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error: Plain.x: u32 expected, not u64
# ----
class Holder(Struct):
    bytes: Array[u8] = count(2)


TABLE = table(Holder, [init(Holder, bytes=[1, 2, 3])])
#       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error: Holder.bytes: 3 elements for 2
# ----
class Reference(MmioBlock, size=8):
    x: Reg[Plain] = at(0)
#      ^^^^^^^^^^ error: Reference.x: a register holds a value, no reference to a struct
# ----
class PythonRegister(MmioBlock, size=8):
    x: Reg[int] = at(0)
#      ^^^^^^^^ error: PythonRegister.x: int does not stand in memory
