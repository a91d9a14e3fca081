"""Archives of Tiny ImageNet's layout give the pools that its configuration asks for."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from instahide.config import check_config
from instahide.images import shrink
from instahide.photos.listing import bundled_photos, decode, list_photos, read_photo
from instahide.photos.part import part_of
from instahide.pool.build import build_pool
from instahide.pool.crops import CropSettings
from instahide.pool.pool import open_pool
from instahide.randomness.keystream import Key
from instahide.schema import load_schema

CONFIG = Path(__file__).parents[1] / "config/tiny-imagenet-cifar10.yaml"
TOP = "tiny-imagenet-200"
PLACES = (
    "train/n01443537/images/n01443537_{}.JPEG",
    "train/n01629819/images/n01629819_{}.JPEG",
    "val/images/val_{}.JPEG",
    "test/images/test_{}.JPEG",
)
OTHERS = {
    "wnids.txt": b"n01443537\nn01629819\n",
    "words.txt": b"n01443537\tgoldfish, Carassius auratus\n",
    "train/n01443537/n01443537_boxes.txt": b"n01443537_0.JPEG\t0\t10\t63\t58\n",
    "val/val_annotations.txt": b"val_0.JPEG\tn01443537\t0\t32\t44\t62\n",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A zip as it is distributed, with entries for folders, and the same as a folder."""
    place = tmp_path_factory.mktemp("tiny")
    for number, photo in enumerate(bundled_photos()):
        image = decode(read_photo(photo), channels=3, min_side=64)
        short = min(image.shape[:2])
        for part in range(2):
            square = image[-short:, -short:] if part else image[:short, :short]
            small = cv2.cvtColor(shrink(square, 64), cv2.COLOR_RGB2BGR)
            file = place / "unpacked" / TOP / PLACES[(2 * number + part) % 4].format(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(cv2.imencode(".jpg", small)[1].tobytes())
    for name, content in OTHERS.items():
        (place / "unpacked" / TOP / name).write_bytes(content)
    with zipfile.ZipFile(place / f"{TOP}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted((place / "unpacked").rglob("*")):
            packed.write(file, file.relative_to(place / "unpacked"))
    return place


def pool_of(out, source, given, size):
    photos = part_of(list_photos(source), given["part"])
    settings = CropSettings(given["crops_per_photo"], *given["crop_size"])
    build_pool(out, photos, Key.from_seed(0), settings, more_than=5, size=size)
    return {photo.name for photo in photos}, open_pool(out).patches[:]


def test_zip_and_folder_give_the_same_two_pools_without_a_common_photo(archive, tmp_path):
    config = check_config(yaml.safe_load(CONFIG.read_text(encoding="utf-8")), load_schema())
    found = {}
    for name, given in config["public"].items():
        size = config["image"]["size"]
        packed, one = pool_of(tmp_path / f"{name}-zip", archive / f"{TOP}.zip", given, size)
        loose, other = pool_of(tmp_path / f"{name}-folder", archive / "unpacked", given, size)
        assert loose == packed
        assert len(one) and one.shape[1:] == (32, 32, 3)
        np.testing.assert_array_equal(one, other)
        found[name] = packed
    assert not set.intersection(*found.values())
    assert len(set.union(*found.values())) == 20
