from pathlib import Path

import pytest

from boot.image.iso import build_iso
from boot.image.loader import OUTPUT as LOADERS
from hypervisor.image import VENDORS, build_images
from tests.image.conftest import PROFILES
from tests.image.elsewhere import ROOT, build_image, build_loaders_and_iso, copy_sources


def assert_same_image(copy: Path, vendor: str, profile: str, hash_seed: int) -> None:
    here = build_images(profile)[vendor]
    there = build_image(copy, vendor, profile, hash_seed)
    for suffix in (".elf", ".sym"):
        assert here.with_suffix(suffix).read_bytes() == there.with_suffix(suffix).read_bytes(), suffix


def test_an_image_built_cold_elsewhere_is_the_same(tmp_path: Path) -> None:
    assert_same_image(copy_sources(tmp_path / "a" / "longer" / "path"), "amd-v", "release", 12345)


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_image_built_cold_elsewhere_is_the_same(vendor: str, profile: str, tmp_path: Path) -> None:
    first, second = (copy_sources(tmp_path / name) for name in ("b", "another/place"))
    assert_same_image(first, vendor, profile, 1)
    assert_same_image(second, vendor, profile, 2)


def test_loaders_and_iso_built_cold_elsewhere_are_the_same(tmp_path: Path) -> None:
    images = build_images("release")
    archive = tmp_path / "archive"
    archive.write_bytes(bytes(range(256)) * 64)
    here = build_iso(images, archive, tmp_path / "here.iso")
    copy = copy_sources(tmp_path / "there")
    there = build_loaders_and_iso(copy, images["vt-x"].parent, archive, 54321)
    for name in ("bios.bin", "BOOTX64.EFI", "esp.img", "stage2.elf"):
        made = copy / LOADERS.relative_to(ROOT) / name
        assert made.read_bytes() == (LOADERS / name).read_bytes(), name
    assert there.read_bytes() == here.read_bytes()
