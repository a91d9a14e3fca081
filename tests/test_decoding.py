import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from photofiles import PIXELS, encoded, png_chunk, tiff
from PIL import Image

from instahide.errors import InstaHideError
from instahide.photos.decoding import MAX_PIXELS, PhotoError, decode
from instahide.photos.imageheader import Truncated, Unreadable, read_header

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "imagenet-sample"


def refused(data, *, channels=3, min_side=1):
    with pytest.raises(PhotoError) as caught:
        decode(data, channels=channels, min_side=min_side)
    assert isinstance(caught.value, InstaHideError)
    return caught.value.reason


LOSSLESS = {
    "png": encoded("png"),
    "bmp": encoded("bmp"),
    "tiff": encoded("tiff", compression="tiff_lzw"),
    "webp": encoded("webp", lossless=True),
}
LOSSY = {
    "jpeg": encoded("jpeg", quality=95),
    "progressive": encoded("jpeg", quality=95, progressive=True),
    "webp": encoded("webp", quality=95),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_the_pixels_in_rgb_order(kind):
    image = decode(LOSSLESS[kind], channels=3, min_side=30)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, PIXELS)


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_formats_agree_with_pillow(kind):
    expected = np.asarray(Image.open(io.BytesIO(LOSSY[kind])).convert("RGB"))
    image = decode(LOSSY[kind], channels=3, min_side=30)
    assert np.abs(image.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("data", [*LOSSLESS.values(), *LOSSY.values()])
def test_headers_give_format_and_size(data):
    header = read_header(data)
    assert (header.width, header.height) == (40, 30)
    assert header.format == Image.open(io.BytesIO(data)).format.lower()


def test_webp_with_extended_header_and_big_endian_tiff_are_measured():
    alpha = np.dstack([PIXELS, PIXELS[..., :1]])
    header = read_header(encoded("webp", alpha))
    assert (header.width, header.height, header.alpha) == (40, 30, True)
    header = read_header(tiff(PIXELS, order=">"))
    assert (header.format, header.width, header.height) == ("tiff", 40, 30)


def test_colour_becomes_grey_when_one_channel_is_asked_for():
    image = decode(LOSSLESS["png"], channels=1, min_side=1)
    expected = PIXELS @ [0.299, 0.587, 0.114]
    assert image.shape == (30, 40, 1)
    assert np.abs(image[..., 0] - expected).max() <= 1


def test_grey_photos_suit_grey_images_only():
    data = encoded("png", PIXELS[..., 0])
    np.testing.assert_array_equal(decode(data, channels=1, min_side=1), PIXELS[..., :1])
    assert refused(data) == "grey"
    assert refused(encoded("jpeg", PIXELS[..., 0])) == "grey"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_channels_are_refused(mode, channels):
    data = encoded("png", Image.fromarray(PIXELS).convert(mode))
    assert refused(data, channels=channels) == "alpha"


def test_other_carriers_of_transparency_are_refused():
    rgba = Image.fromarray(PIXELS).convert("RGBA")
    rgba.putalpha(100)
    assert refused(encoded("tiff", rgba)) == "alpha"
    assert refused(encoded("webp", rgba)) == "alpha"
    assert refused(encoded("png", transparency=(0, 0, 0))) == "alpha"


def test_a_palette_is_resolved():
    palette = Image.fromarray(PIXELS).convert("P", palette=Image.Palette.ADAPTIVE)
    expected = np.asarray(palette.convert("RGB"))
    image = decode(encoded("png", palette), channels=3, min_side=1)
    np.testing.assert_array_equal(image, expected)


def test_sixteen_bits_are_refused():
    wide = PIXELS[..., 0].astype(np.uint16) * 257
    for kind in ("png", "tiff"):
        assert refused(encoded(kind, wide), channels=1) == "depth"
        with pytest.raises(PhotoError, match="has 16 bits per sample; convert to 8 bits"):
            decode(encoded(kind, wide), channels=1, min_side=1)


def test_cmyk_is_converted():
    data = encoded("jpeg", Image.fromarray(PIXELS).convert("CMYK"), quality=95)
    image = decode(data, channels=3, min_side=1)
    assert np.abs(image.astype(int) - PIXELS).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpegs_are_turned_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded("jpeg", quality=95, exif=exif)
    plain = decode(LOSSY["jpeg"], channels=3, min_side=1)
    turned = {
        1: plain,
        2: plain[:, ::-1],
        3: plain[::-1, ::-1],
        4: plain[::-1],
        5: plain.transpose(1, 0, 2),
        6: np.rot90(plain, -1),
        7: plain[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(plain),
    }
    np.testing.assert_array_equal(decode(data, channels=3, min_side=1), turned[orientation])


def test_a_thumbnail_with_its_own_end_mark_does_not_hide_a_truncation():
    thumbnail = b"Exif\0\0" + LOSSY["jpeg"]
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    data = LOSSY["jpeg"][:2] + segment + LOSSY["jpeg"][2:]
    assert decode(data, channels=3, min_side=1).shape == PIXELS.shape
    assert refused(data[:-2]) == "truncated"


@pytest.mark.parametrize("kind", ["jpeg", "progressive"])
@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.01, 0.999))
@example(share=0.999)
def test_every_truncated_jpeg_is_known_as_such(kind, share):
    data = LOSSY[kind]
    assert refused(data[: max(3, int(share * len(data)))]) == "truncated"


@settings(max_examples=60, deadline=None)
@given(length=st.integers(8, len(LOSSLESS["png"]) - 1))
def test_every_truncated_png_is_known_as_such(length):
    assert refused(LOSSLESS["png"][:length]) == "truncated"


@pytest.mark.parametrize("kind", ["bmp", "tiff", "webp"])
def test_other_truncated_formats_are_refused(kind):
    data = LOSSLESS[kind]
    assert refused(data[: len(data) // 2]) in ("truncated", "unreadable")
    assert refused(data[:12]) in ("truncated", "unreadable")


@pytest.mark.parametrize("kind", ["jpeg", "progressive"])
def test_bytes_after_the_end_do_no_harm(kind):
    image = decode(LOSSY[kind] + bytes(500) + b"trailer", channels=3, min_side=1)
    np.testing.assert_array_equal(image, decode(LOSSY[kind], channels=3, min_side=1))


def test_a_damaged_png_is_unreadable():
    data = bytearray(LOSSLESS["png"])
    data[len(data) // 2] ^= 1
    assert refused(bytes(data)) == "unreadable"


@pytest.mark.parametrize("data", [b"", b"hello", b"GIF89a" + bytes(50), b"\xff\xd8", bytes(99)])
def test_what_is_no_photo_is_unreadable(data):
    assert refused(data) == "unreadable"


def test_claims_of_a_huge_size_are_refused_before_decoding():
    side = int(MAX_PIXELS**0.5) + 1
    ihdr = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(*chunk) for chunk in [(b"IHDR", ihdr), (b"IDAT", b""), (b"IEND", b"")]
    )
    assert refused(png) == "large"
    with pytest.raises(PhotoError, match=f"{side} x {side} pixels are more than"):
        decode(png, channels=3, min_side=1)


def test_tiny_photos_are_refused():
    decode(LOSSLESS["png"], channels=3, min_side=30)
    assert refused(LOSSLESS["png"], min_side=31) == "tiny"


def test_a_size_of_zero_is_refused():
    jpeg = bytearray(LOSSY["jpeg"])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 7] = b"\0\0"
    assert refused(bytes(jpeg)) == "unreadable"
    with pytest.raises(PhotoError, match="has 40 x 0 pixels"):
        decode(bytes(jpeg), channels=3, min_side=1)


def test_two_channels_are_no_choice():
    with pytest.raises(InstaHideError, match="not 2"):
        decode(LOSSLESS["png"], channels=2, min_side=1)


SEEDS = [*LOSSLESS.values(), *LOSSY.values()]


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    cut=st.floats(0, 1),
)
def test_damage_never_raises_anything_else(data, edits, cut):
    damaged = bytearray(data)
    for position, value in edits:
        damaged[position % len(damaged)] = value
    try:
        image = decode(bytes(damaged[: int(cut * len(damaged)) + 1]), channels=3, min_side=1)
    except PhotoError:
        return
    assert image.dtype == np.uint8 and image.shape[2] == 3


@settings(max_examples=300, deadline=None)
@given(
    magic=st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"RIFF0000WEBP"]
    ),
    rest=st.binary(max_size=200),
)
def test_headers_of_noise_never_raise_anything_else(magic, rest):
    try:
        header = read_header(magic + rest)
    except (Truncated, Unreadable):
        return
    assert header.width > 0 and header.height > 0


def test_the_terminal_stays_clean(capfd):
    bmp, tiff, png = (LOSSLESS[kind] for kind in ("bmp", "tiff", "png"))
    for data in (bmp[:1000], tiff[:500], png[:500], LOSSY["jpeg"][:500]):
        refused(data)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not SAMPLE.exists(), reason="the shared sample is not here")
def test_real_photos_agree_with_pillow():
    for path in sorted(SAMPLE.iterdir())[::50]:
        data = path.read_bytes()
        with Image.open(path) as photo:
            header = read_header(data)
            assert (header.width, header.height) == photo.size
            if photo.mode != "RGB":
                continue
            expected = np.asarray(photo)
        image = decode(data, channels=3, min_side=1)
        assert np.abs(image.astype(int) - expected).mean() < 1
        assert refused(data[: len(data) * 9 // 10]) == "truncated"
