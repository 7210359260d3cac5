"""The MAC address of an e1000: as the card has loaded it at its reset, else from its EEPROM."""

from __future__ import annotations

from codegen.lang import fn, pause, range, u8, u16, u32, u64
from drivers.host import moment
from drivers.net.e1000.register_bits import E1000AddressHigh, E1000EepromRead, E1000NvmRead
from drivers.net.e1000.state import E1000Controller, registers_of

PATIENCE = 10_000_000  # ns for a word, which takes 50 us
GROUP = 1 << 0  # of the first byte: not one card's


@fn(cold=True)
def read_address(card: E1000Controller) -> u64 | None:
    """48 bits, the first byte lowest. None when the card has none that a card may have."""
    registers = registers_of(card)
    high = registers.rah[0].read()
    address = u64(registers.ral[0].read()) | u64(high.bytes) << 32
    if high.valid and is_address(address):
        return address
    address = u64(0)
    for word in range(u32(3)):
        data = read_eeprom(card, word)
        if data is None:
            return None
        address = address | u64(data) << 16 * word
    return address if is_address(address) else None


@fn(cold=True)
def is_address(address: u64) -> bool:
    return address != 0 and address & GROUP == 0


@fn(cold=True)
def read_eeprom(card: E1000Controller, word: u32) -> u16 | None:
    """One word (8254x 13.4.4; 82574 10.2.2.4); None when there is no EEPROM, or it does not answer."""
    registers = registers_of(card)
    request = u32(E1000EepromRead(start=True, word=u8(word)))
    if card.express:
        request = u32(E1000NvmRead(start=True, word=u16(word)))
    registers.eerd.write(request)
    deadline = moment().wrapping_add(PATIENCE)
    while moment() < deadline:
        answer = registers.eerd.read()
        done = E1000NvmRead.of(answer).done if card.express else E1000EepromRead.of(answer).done
        if done:
            return E1000EepromRead.of(answer).data
        pause()
    return None


@fn(cold=True)
def write_address(card: E1000Controller, address: u64) -> None:
    """The only one that the card knows as its own."""
    registers = registers_of(card)
    registers.ral[0].write(u32.trunc(address))
    registers.rah[0].write(E1000AddressHigh(bytes=u16(address >> 32), valid=True))
