from boot.bios.boot_sector import build_boot_sector
from boot.bios.real_mode import build_real_mode_part


def test_the_partition_table_and_the_parameter_block_stay_free() -> None:
    sector = build_boot_sector()
    assert len(sector) == 2048
    assert sector[2:64] == bytes(62)
    assert sector[446:510] == bytes(64)
    assert sector[510:512] == b"\x55\xaa"


def test_the_real_mode_part_fills_its_place() -> None:
    part = build_real_mode_part(0x8400, 0x10000, 0x1000)
    assert len(part) == 0x400
    assert part[:4] == b"\x7fKB2"
