import json
import shutil

import cv2
import numpy as np
import pytest
import zarr

from instahide.errors import InstaHideError
from instahide.images import shrink
from instahide.photos.listing import list_photos, load_index, save_index
from instahide.photos.samples import save_samples
from instahide.pool.build import build_pool, merge_pool
from instahide.pool.crops import CropSettings, cut, draw_boxes, save_crops
from instahide.pool.keypoints import count_keypoints, filter_crops, save_patches
from instahide.pool.pool import Pool, open_pool
from instahide.pool.stores import POOL_ARRAYS, get_names, open_store, store_digest
from instahide.randomness.keystream import Key

KEY = Key.from_seed(4)
SETTINGS = CropSettings(per_photo=12, smallest=64, largest=80)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    save_samples(folder / "public", folder / "private")
    return list_photos(folder / "public")


@pytest.fixture(scope="module")
def built(photos, tmp_path_factory):
    store = tmp_path_factory.mktemp("pool") / "pool.zarr"
    report = build_pool(store, photos, KEY, SETTINGS)
    return store, report


def test_boxes_lie_in_the_photo_and_use_all_of_the_range():
    settings = CropSettings(per_photo=4_000, smallest=64, largest=128)
    boxes = draw_boxes(KEY.stream("crop"), "a.jpg", 100, 300, settings)
    top, left, height, width = boxes.T
    assert np.array_equal(height, width)
    assert (height.min(), height.max()) == (64, 100)  # the photo's short side limits it
    assert (top.min(), (top + height).max()) == (0, 100)
    assert (left.min(), (left + width).max()) == (0, 300)


def test_boxes_depend_on_the_photos_name_alone():
    first = draw_boxes(KEY.stream("crop"), "a.jpg", 100, 300, SETTINGS)
    assert np.array_equal(first, draw_boxes(KEY.stream("crop"), "a.jpg", 100, 300, SETTINGS))
    assert not np.array_equal(
        first, draw_boxes(KEY.stream("crop"), "b.jpg", 100, 300, SETTINGS)
    )


def test_every_patch_is_where_its_record_says(built, photos):
    group = open_store(built[0], POOL_ARRAYS)
    names = get_names(group, "photos")
    assert names == [photo.name for photo in photos]
    assert group["patches"].shape[0] == built[1]["patches"] > 10
    folder = {photo.name: photo.container for photo in photos}
    for row in range(0, group["patches"].shape[0], 5):
        photo = cv2.imread(folder[names[group["photo"][row]]])[..., ::-1]
        top, left, height, width = group["boxes"][row]
        crop = np.ascontiguousarray(photo[top : top + height, left : left + width])
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        assert len(cv2.SIFT_create().detect(grey, None)) == group["keypoints"][row] > 40
        assert np.array_equal(
            cv2.resize(crop, (32, 32), interpolation=cv2.INTER_AREA), group["patches"][row]
        )


def test_workers_and_shards_do_not_change_the_pool(built, photos, tmp_path):
    shards, reports = [], []
    save_index(tmp_path / "photos.csv", photos)
    for shard in range(3):
        crops, report = tmp_path / f"c{shard}.zarr", tmp_path / f"{shard}.json"
        part = load_index(tmp_path / "photos.csv", shard, 3)
        save_crops(crops, report, part, KEY, SETTINGS, threads=2)
        shards.append(tmp_path / f"p{shard}.zarr")
        save_patches(shards[-1], crops, more_than=40, size=32, threads=3)
        reports.append(report)
    merge_pool(tmp_path / "pool.zarr", tmp_path / "r.json", shards, reports, most_skipped=0)
    assert open_pool(tmp_path / "pool.zarr").digest == open_pool(built[0]).digest
    assert (tmp_path / "pool.zarr.sha256").read_text() == built[0].with_suffix(
        ".zarr.sha256"
    ).read_text()


def test_unusable_photos_are_skipped_and_counted(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in photos[:4]:
        shutil.copy(photo.container, folder)
    data = (folder / photos[0].name).read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    (folder / "text.jpg").write_text("no photo")
    cv2.imwrite(str(folder / "grey.png"), np.zeros((90, 90), np.uint8))
    cv2.imwrite(str(folder / "alpha.png"), np.zeros((90, 90, 4), np.uint8))
    cv2.imwrite(str(folder / "tiny.png"), np.zeros((63, 90, 3), np.uint8))
    listed = list_photos(folder)
    with pytest.raises(InstaHideError, match=r"5 of 9 photos .* most_skipped = 0\.5"):
        build_pool(tmp_path / "no.zarr", listed, KEY, SETTINGS, most_skipped=0.5)
    assert not (tmp_path / "no.zarr").exists()
    report = build_pool(tmp_path / "pool.zarr", listed, KEY, SETTINGS, most_skipped=0.6)
    assert report["reasons"] == dict.fromkeys(
        ["alpha", "grey", "tiny", "truncated", "unreadable"], 1
    )
    assert report["skipped_photos"]["tiny.png"] == "tiny"


def test_flat_photos_give_no_pool_but_a_reason(tmp_path):
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "flat.png"), np.full((90, 90, 3), 99, np.uint8))
    with pytest.raises(InstaHideError, match="no crop of the 1 photos has enough key points"):
        build_pool(tmp_path / "pool.zarr", list_photos(tmp_path / "photos"), KEY, SETTINGS)


def test_the_filter_keeps_more_than_the_threshold_and_leaves_holes_out():
    rng = np.random.default_rng(0)
    crops = cut(
        rng.integers(0, 256, (80, 80, 3), dtype=np.uint8), np.array([[0, 0, 80, 80]] * 2), 80
    )
    count = count_keypoints(crops[0])
    boxes = np.array([[0, 0, 80, 80], [0, 0, 0, 0]])
    for threshold, expected in ((count - 1, [0]), (count, [])):
        patches, kept, counts = filter_crops(crops, boxes, more_than=threshold, size=16)
        assert kept.tolist() == expected
        assert counts.tolist() == [count] * len(expected)
        assert patches.shape == (len(expected), 16, 16, 3)


def test_shrinking_averages_areas():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 1), dtype=np.uint8)
    means = image.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert np.abs(shrink(image, 32)[..., 0] - means).max() <= 0.5


def test_grey_pools(photos, tmp_path):
    settings = CropSettings(per_photo=4, channels=1)
    build_pool(tmp_path / "pool.zarr", photos, KEY, settings, size=16)
    assert open_pool(tmp_path / "pool.zarr").shape == (16, 16, 1)


def test_large_pools_are_read_row_by_row(built, monkeypatch):
    small = open_pool(built[0])
    monkeypatch.setattr("instahide.pool.pool.MEMORY_BYTES", 0)
    large = open_pool(built[0])
    places = np.array([[3, 1, 3], [0, 7, 2]])
    assert isinstance(large._source, zarr.Array)
    assert np.array_equal(large.read(places), small.read(places))
    assert large.read(places[:, :0]).shape == (2, 0, 32, 32, 3)


def test_a_lost_chunk_and_a_changed_one_are_noticed(built, tmp_path):
    store = shutil.copytree(built[0], tmp_path / "pool.zarr")
    group = zarr.open_group(store)
    group["patches"][0] = 255 - group["patches"][0]
    assert store_digest(group, POOL_ARRAYS) != open_pool(built[0]).digest
    (store / "patches" / "c" / "0" / "0" / "0" / "0").unlink()
    with pytest.raises(InstaHideError, match="lacks chunks of 'patches'"):
        open_pool(store)


def test_other_folders_are_no_pool(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InstaHideError, match="not a Zarr store"):
            open_pool(path)


@pytest.mark.parametrize(
    "values",
    [{"per_photo": 0}, {"smallest": 0}, {"smallest": 90, "largest": 80}, {"largest": 5000}],
)
def test_impossible_settings_are_refused(values):
    with pytest.raises(InstaHideError, match="crop"):
        CropSettings(**values)


def test_adding_a_photo_leaves_the_patches_of_the_others_alone(built, photos, tmp_path):
    build_pool(tmp_path / "fewer.zarr", photos[1:], KEY, SETTINGS)
    fewer, all_ = (
        open_store(tmp_path / "fewer.zarr", POOL_ARRAYS),
        open_store(built[0], POOL_ARRAYS),
    )
    assert np.array_equal(fewer["patches"][:], all_["patches"][:][all_["photo"][:] > 0])


def test_pools_in_memory_have_a_digest_too():
    patches = np.zeros((2, 8, 8, 3), np.uint8)
    assert Pool(patches).digest == Pool(patches.copy()).digest != Pool(patches + 1).digest


def test_reports_name_their_photos(photos, tmp_path):
    save_crops(tmp_path / "c.zarr", tmp_path / "r.json", photos[:2], KEY, SETTINGS)
    report = json.loads((tmp_path / "r.json").read_text())
    assert report == {"photos": 2, "skipped": 0, "reasons": {}, "skipped_photos": {}}
