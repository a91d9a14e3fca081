"""Damaged TIFFs: what OpenCV draws of them must not pass for an image."""

import io
import os

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from photofiles import encoded
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from instahide.auditing.pictures import read_picture
from instahide.auditing.tiffdamage import check_tiff, unheard
from instahide.photos.decoding import PhotoError

NOISE = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
COMPRESSIONS = ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate", "jpeg")
MODES = ("1", "L", "P", "RGB", "RGBA", "F")


def strip(data):
    """Return where the first strip begins and ends."""
    file, tags = io.BytesIO(data), ImageFileDirectory_v2(data[:8])
    file.seek(tags.next)
    tags.load(file)
    return tags[273][0], tags[273][0] + tags[279][0]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("mode", MODES)
def test_whole_tiffs_pass(mode, compression):
    if compression == "jpeg" and mode in ("1", "P", "F"):
        pytest.skip("JPEG has no such samples")
    check_tiff(encoded("tiff", Image.fromarray(NOISE).convert(mode), compression=compression))


@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_whole_tiles_of_other_depths_pass(dtype, order, tile):
    file = io.BytesIO()
    tifffile.imwrite(
        file, NOISE.astype(dtype), photometric="rgb", byteorder=order, tile=tile,
        compression="zlib", predictor=dtype != np.float32,
    )  # fmt: skip
    check_tiff(file.getvalue())


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_of_deflate_is_seen(data):
    whole = encoded("tiff", NOISE, compression="tiff_adobe_deflate")
    place = data.draw(st.integers(*strip(whole)).filter(lambda one: one < strip(whole)[1]))
    flip = data.draw(st.integers(1, 255))
    damaged = whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
    if place < strip(whole)[0] + 2:  # of zlib's two bytes of header some bits mean nothing
        return
    with pytest.raises(PhotoError, match="damaged"):
        check_tiff(damaged)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_damaged_tiff_is_refused_without_noise(tmp_path, capfd, compression):
    whole = encoded("tiff", NOISE, compression=compression)
    start, end = strip(whole)
    middle = (start + end) // 2
    junk = np.random.default_rng(1).bytes(200)
    path = tmp_path / "scan.tif"
    path.write_bytes(whole[:middle] + junk + whole[middle + len(junk) :])
    with pytest.raises(PhotoError, match="only a part"):
        read_picture(str(path))
    assert capfd.readouterr().err == ""


@given(st.binary(max_size=300), st.integers(8, 300))
@settings(max_examples=100, deadline=None)
def test_wild_bytes_end_in_no_other_error(junk, place):
    whole = encoded("tiff", NOISE[:8, :8], compression="tiff_adobe_deflate")
    try:
        check_tiff(whole[:place] + junk + whole[place + len(junk) :])
    except PhotoError as error:
        assert "damaged" in str(error)


def test_what_is_printed_around_python_is_kept_off_and_comes_back(capfd):
    with unheard():
        os.write(2, b"libtiff says")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
