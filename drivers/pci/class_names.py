"""Class codes in words (PCI Code and ID Assignment 1.11, ch. 1): those that a PC has, others by their base class."""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, init, len, range, span, static, table, u8, u16, u32, usize

CLASSES = (
    (0x0101, "IDE disk controller"),
    (0x0104, "RAID controller"),
    (0x0106, "AHCI disk controller"),
    (0x0107, "SAS controller"),
    (0x0108, "NVMe disk"),
    (0x0200, "Ethernet card"),
    (0x0280, "network card"),
    (0x0300, "VGA display"),
    (0x0403, "audio device"),
    (0x0600, "host bridge"),
    (0x0601, "ISA bridge"),
    (0x0604, "PCI bridge"),
    (0x0700, "serial port"),
    (0x0800, "interrupt controller"),
    (0x0806, "IOMMU"),
    (0x0C03, "USB controller"),
    (0x0C05, "SMBus"),
)
BASES = {
    0x01: "disk controller",
    0x02: "network card",
    0x03: "display",
    0x04: "multimedia device",
    0x05: "memory controller",
    0x06: "bridge",
    0x07: "communication device",
    0x08: "system device",
    0x09: "input device",
    0x0B: "processor",
    0x0C: "serial bus",
    0x0D: "wireless device",
    0x10: "encryption device",
}
ANY = 0xFF  # the subclass of an entry for its base class: none has this number
UNKNOWN = span(b"device")


class ClassName(Struct):
    """A class code and its words, in TEXTS."""

    code: Field[u16]
    at: Field[u16]
    length: Field[u8]


_all = [*CLASSES, *((base << 8 | ANY, words) for base, words in BASES.items())]
TEXTS = span("".join(words for _, words in _all).encode("ascii"))
NAMES = table(
    ClassName,
    [
        init(ClassName, code=code, at=sum(len(words) for _, words in _all[:number]), length=len(words))
        for number, (code, words) in enumerate(_all)
    ],
)


@fn(cold=True)
def class_name(class_code: u16) -> Span:
    """What a function of this class (base class, subclass) is."""
    for code in static((0, ANY)):
        for i in range(u32(len(NAMES))):
            name = NAMES[i]
            if name.code == class_code | code:
                return TEXTS.slice(usize(name.at), usize(name.length))
    return UNKNOWN
