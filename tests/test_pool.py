import io
import json
import shutil
import tarfile
import threading

import cv2
import numpy as np
import pytest
import zarr
from photofiles import PIXELS, encoded, png_header, tiff
from PIL import Image

from instahide.budget import Budget
from instahide.errors import InstaHideError
from instahide.images import shrink
from instahide.photos import opening
from instahide.photos.listing import list_photos, load_index, save_index
from instahide.photos.samples import save_samples
from instahide.pool.build import build_pool, merge_pool
from instahide.pool.crops import CropSettings, cut, draw_boxes, save_crops
from instahide.pool.keypoints import count_keypoints, filter_crops, save_patches
from instahide.pool.pool import Pool, open_pool
from instahide.pool.stores import (
    POOL_ARRAYS,
    get_names,
    open_store,
    put_names,
    store_digest,
)
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


def describe(**changes):
    def spoil(path):
        about = json.loads((path / "patches/zarr.json").read_bytes())
        (path / "patches/zarr.json").write_bytes(json.dumps(about | changes).encode())

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: (path / "zarr.json").write_bytes(b"{"), "is damaged"),
        (lambda path: (path / "patches/zarr.json").write_bytes(b"[" * 10**5), "is damaged"),
        (describe(shape=[-1, 8, 8, 3]), "is damaged"),
        (describe(shape=[10**12, 8, 8, 3]), "lacks chunks of 'patches'"),
        (describe(shape=[50, 192]), "is damaged"),
        (describe(data_type="nothing"), "is damaged"),
        (describe(data_type="float64"), "no pool: its patches are float64"),
        (describe(codecs=[]), "is damaged"),
        (
            lambda path: shutil.copy(path / "zarr.json", path / "patches/zarr.json"),
            "lacks the array 'patches'",
        ),
    ],
)
def test_a_store_that_is_none_is_refused_in_a_sentence(files, spoil, message):
    spoil(files[1])
    with pytest.raises(InstaHideError, match=message):
        open_pool(files[1])


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
    assert (tmp_path / "pool.zarr.sha256").read_text(encoding="utf-8") == built[0].with_suffix(
        ".zarr.sha256"
    ).read_text(encoding="utf-8")


def test_unusable_photos_are_skipped_and_counted(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in photos[:4]:
        shutil.copy(photo.container, folder)
    data = (folder / photos[0].name).read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    (folder / "text.jpg").write_text("no photo", encoding="utf-8")
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


def test_hostile_photos_are_skipped_and_counted_like_others(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos[0].container, folder)
    large = np.zeros((500, 500, 3), np.uint8)
    claims = tiff(PIXELS, extra=[(tag, 4, [500]) for tag in (256, 257)])
    hidden = tiff(large, extra=[(tag, 4, [64]) for tag in (256, 257)])
    deep, still = encoded("png", np.zeros((90, 90), np.uint16)), Image.new("RGB", (40, 30))
    for name, data in {
        "claims.tif": claims,  # to be larger than it is
        "hidden.tif": hidden,  # larger than it claims
        "deep.png": deep,
        "huge.png": deep[:8] + png_header(20_000, 20_000) + deep[33:],
        "moves.webp": encoded("webp", save_all=True, append_images=[still]),
    }.items():
        (folder / name).write_bytes(data)
    report = build_pool(
        tmp_path / "p.zarr", list_photos(folder), KEY, SETTINGS, most_skipped=1, threads=2
    )
    assert report["reasons"] == {"animated": 1, "depth": 1, "large": 1, "unreadable": 2}
    assert report["skipped_photos"]["claims.tif"] == "unreadable"


@pytest.mark.parametrize(
    ("reason", "pixels", "remedy"),
    [
        ("grey", np.zeros((90, 90), np.uint8), r"`channels: 1` \(.* --channels 1\)"),
        ("depth", np.zeros((90, 90, 3), np.uint16), "convert to 8 bits per sample"),
        ("alpha", np.zeros((90, 90, 4), np.uint8), "save without transparency"),
    ],
)
def test_a_refused_pool_says_what_to_do_about_the_commonest_reason(
    reason, pixels, remedy, tmp_path
):
    (tmp_path / "a.jpg").write_text("no photo", encoding="utf-8")
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    listed = list_photos(tmp_path)
    commonest = f"commonest reason is {reason}, as for 1.png: .*{remedy}.*; or"
    with pytest.raises(InstaHideError, match=commonest):
        build_pool(tmp_path / "pool.zarr", listed, KEY, SETTINGS)


def test_threads_share_the_memory_for_photos(photos, tmp_path, monkeypatch):
    held, most, lock, decode_pixels = [], [], threading.Lock(), opening.decode_pixels

    def decode(data, header, channels):
        with lock:
            held.append(header.memory)
            most.append(sum(held))
        image = decode_pixels(data, header, channels)
        with lock:
            held.remove(header.memory)
        return image

    monkeypatch.setattr(opening, "decode_pixels", decode)
    save_crops(tmp_path / "free.zarr", tmp_path / "1.json", photos, KEY, SETTINGS)
    largest = max(most)
    most.clear()
    monkeypatch.setattr(opening, "_PIXELS", Budget(largest))
    save_crops(tmp_path / "few.zarr", tmp_path / "2.json", photos, KEY, SETTINGS, threads=8)
    assert len(most) == len(photos) and max(most) <= largest
    assert (tmp_path / "few.zarr.sha256").read_text(encoding="utf-8") == (
        tmp_path / "free.zarr.sha256"
    ).read_text(encoding="utf-8")


def test_a_photo_that_cannot_be_used_gives_its_memory_back(tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encoded("png")[:-20])
    listed = list_photos(tmp_path)
    monkeypatch.setattr(opening, "_BYTES", Budget(listed[0].size))
    save_crops(tmp_path / "c.zarr", tmp_path / "r.json", listed, KEY, SETTINGS, threads=2)
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["reasons"] == {
        "truncated": 3
    }


@pytest.mark.parametrize("name", ["", "a\nb", "a\udcff"])
def test_names_that_would_shift_others_are_not_stored(name, tmp_path):
    group = zarr.open_group(tmp_path / "s.zarr", mode="w")
    with pytest.raises(InstaHideError, match="one to a line; rename it"):
        put_names(group, "photos", ["first", name, "last"])
    put_names(group, "photos", ["first", "ä\u2028\r", "last"])
    assert get_names(group, "photos") == ["first", "ä\u2028\r", "last"]


def test_an_archive_cannot_shift_the_origins_of_later_photos(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos[0].container, folder / "z.png")
    with tarfile.open(folder / "a\nb.tar", "w") as tar:
        data = (folder / "z.png").read_bytes()
        member = tarfile.TarInfo("1.png")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    with pytest.raises(InstaHideError, match=r"holds the name 'a\\x0ab\.tar'.*rename it"):
        list_photos(folder)
    (folder / "a\nb.tar").rename(folder / "a.tar")
    build_pool(tmp_path / "p.zarr", list_photos(folder), KEY, SETTINGS)
    group = open_store(tmp_path / "p.zarr", POOL_ARRAYS)
    assert get_names(group, "photos") == ["a/1.png", "z.png"]


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
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report == {"photos": 2, "skipped": 0, "reasons": {}, "skipped_photos": {}}
