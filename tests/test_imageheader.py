"""What an image says of itself is what is decoded of it, or it is refused beforehand."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photofiles import (
    PIXELS,
    bmp,
    encoded,
    jpeg_frame,
    jpeg_scans,
    jpeg_sized,
    png_chunk,
    png_header,
    png_with,
    tiff,
    webp_extended,
)
from PIL import Image

from instahide.errors import InstaHideError
from instahide.photos import decoding
from instahide.photos.decoding import MAX_MEMORY, MAX_WORK, REASONS, PhotoError, decode
from instahide.photos.headers import jpeg, png
from instahide.photos.headers import tiff as tiffheader
from instahide.photos.imageheader import Truncated, Unreadable, read_header

IMAGE = Image.fromarray(PIXELS)
GREY = PIXELS[..., :1]
SIDE = 11584  # a square of so many pixels just fits the limit
JPEG, PROGRESSIVE = encoded("jpeg", quality=95), encoded("jpeg", quality=95, progressive=True)
FRAME = jpeg_frame(JPEG)
EXIF = Image.Exif()
EXIF[0x0112] = 6
COLOURS = bytes(range(256)) * 4  # a palette
SHAPE, FLAT = (30, 40, 3), (30, 40, 1)


def verdict(data, channels=3):
    """Return the shape of what is decoded, or the reason why not."""
    try:
        return decode(data, channels=channels, min_side=1).shape
    except PhotoError as error:
        assert error.reason in REASONS
        return error.reason


def changed(data, place, content):
    return data[:place] + content + data[place + len(content) :]


def frames(kind, **options):
    return encoded(kind, save_all=True, append_images=[IMAGE.rotate(180)], **options)


FRAME_SEGMENT = JPEG[FRAME : FRAME + 2 + int.from_bytes(JPEG[FRAME + 2 : FRAME + 4])]
BROKEN_EXIF = (
    b"\xff\xe1" + struct.pack(">H", 60) + b"Exif\0\0" + b"II*\0\x08\0\0\0\xff\xff" * 5 + b"ab"
)
# name: what it is, the verdict for colour, the verdict for grey
KINDS = {
    "JPEG": (JPEG, SHAPE, FLAT),
    "JPEG with damaged EXIF": (JPEG[:2] + BROKEN_EXIF + JPEG[2:], SHAPE, FLAT),
    "JPEG on its side": (encoded("jpeg", exif=EXIF), (40, 30, 3), (40, 30, 1)),
    "CMYK JPEG": (encoded("jpeg", IMAGE.convert("CMYK")), SHAPE, FLAT),
    "grey JPEG": (encoded("jpeg", IMAGE.convert("L")), "grey", FLAT),
    "12-bit JPEG": (changed(JPEG, FRAME + 4, b"\x0c"), "depth", "depth"),
    "lossless JPEG": (changed(JPEG, FRAME + 1, b"\xc3"), "unreadable", "unreadable"),
    "arithmetic JPEG": (changed(JPEG, FRAME + 1, b"\xc9"), "unreadable", "unreadable"),
    "JPEG with two frames": (JPEG[:FRAME] + FRAME_SEGMENT + JPEG[FRAME:], *["unreadable"] * 2),
    "JPEG without width": (jpeg_sized(JPEG, 0, 30), "unreadable", "unreadable"),
    "JPEG without components": (changed(JPEG, FRAME + 9, b"\0"), "unreadable", "unreadable"),
    "PNG": (encoded("png"), SHAPE, FLAT),
    "palette PNG": (encoded("png", IMAGE.convert("P")), SHAPE, FLAT),
    "transparent palette PNG": (
        encoded("png", IMAGE.convert("P"), transparency=3),
        *["alpha"] * 2,
    ),
    "transparent colour in a PNG": (encoded("png", transparency=(0, 0, 0)), "alpha", "alpha"),
    "transparent grey in a PNG": (
        encoded("png", IMAGE.convert("L"), transparency=9),
        *["alpha"] * 2,
    ),
    "RGBA PNG": (encoded("png", IMAGE.convert("RGBA")), "alpha", "alpha"),
    "1-bit PNG": (encoded("png", IMAGE.convert("1")), "grey", FLAT),
    "16-bit PNG": (encoded("png", GREY[..., 0].astype(np.uint16)), "depth", "depth"),
    "animated PNG": (frames("png"), SHAPE, FLAT),
    "animated PNG, still picture apart": (frames("png", default_image=True), SHAPE, FLAT),
    "PNG with two headers": (png_with(png_header(40, 30)), "unreadable", "unreadable"),
    "PNG without width": (changed(encoded("png"), 8, png_header(0, 30)), *["unreadable"] * 2),
    "PNG of a telephone": (
        changed(encoded("png"), 8, png_chunk(b"CgBI", bytes(4))),
        "unreadable",
        "unreadable",
    ),
    "BMP": (encoded("bmp"), SHAPE, FLAT),
    "BMP from the top down": (bmp(40, -30, 24), SHAPE, FLAT),
    "BMP of negative width": (bmp(-40, 30, 24), "unreadable", "unreadable"),
    "BMP of OS/2": (bmp(40, 30, 24, size=12), "unreadable", "unreadable"),
    "1-bit BMP": (encoded("bmp", IMAGE.convert("1")), "grey", FLAT),
    "grey BMP": (encoded("bmp", IMAGE.convert("L")), "grey", FLAT),
    "palette BMP": (bmp(40, 30, 8, palette=COLOURS), SHAPE, FLAT),
    "32-bit BMP": (bmp(40, 30, 32), SHAPE, FLAT),
    "32-bit BMP with alpha": (bmp(40, 30, 32, packing=3, size=108), "alpha", "alpha"),
    "64-bit BMP": (bmp(40, 30, 64), "depth", "depth"),
    "TIFF": (tiff(), SHAPE, FLAT),
    "big-endian TIFF": (tiff(order=">"), SHAPE, FLAT),
    "TIFF of two pages": (frames("tiff"), SHAPE, FLAT),
    "TIFF on its side": (tiff(extra=[(274, 3, [6])]), (40, 30, 3), (40, 30, 1)),
    "grey TIFF": (tiff(GREY), "grey", FLAT),
    "grey TIFF with alpha": (encoded("tiff", IMAGE.convert("LA")), "alpha", "alpha"),
    "1-bit TIFF": (encoded("tiff", IMAGE.convert("1")), "grey", FLAT),
    "palette TIFF": (encoded("tiff", IMAGE.convert("P")), SHAPE, FLAT),
    "CMYK TIFF": (encoded("tiff", IMAGE.convert("CMYK")), "unreadable", "unreadable"),
    "RGBA TIFF": (encoded("tiff", IMAGE.convert("RGBA")), "alpha", "alpha"),
    "16-bit TIFF": (tiff(PIXELS.astype(np.uint16)), "depth", "depth"),
    "float TIFF": (tiff(PIXELS.astype(np.float32), extra=[(339, 3, [3] * 3)]), *["depth"] * 2),
    "signed TIFF": (tiff(extra=[(339, 3, [2] * 3)]), "unreadable", "unreadable"),
    "fax TIFF": (
        encoded("tiff", IMAGE.convert("1"), compression="group4"),
        *["unreadable"] * 2,
    ),
    "TIFF without colours": (tiff(replace=[(262, 3, [99])]), "unreadable", "unreadable"),
    "TIFF without height": (tiff(replace=[(257, 4, [0])]), "unreadable", "unreadable"),
    "TIFF without rows": (tiff(replace=[(278, 4, [0])]), "unreadable", "unreadable"),
    "WebP": (encoded("webp"), SHAPE, FLAT),
    "lossless WebP": (encoded("webp", lossless=True), SHAPE, FLAT),
    "extended WebP": (webp_extended(40, 30), SHAPE, FLAT),
    "WebP with another canvas": (webp_extended(400, 300), "unreadable", "unreadable"),
    "WebP that claims alpha": (webp_extended(40, 30, flags=0x10), "alpha", "alpha"),
    "animated WebP": (frames("webp"), "animated", "animated"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_decoded_as_documented_or_refused_for_its_reason(kind):
    data, colour, grey = KINDS[kind]
    assert (verdict(data), verdict(data, channels=1)) == (colour, grey)
    assert verdict(bytearray(data)) == colour  # as it comes out of a zip


def test_the_still_picture_of_an_animated_png_is_taken():
    data = frames("png", default_image=True)
    np.testing.assert_array_equal(decode(data, channels=3, min_side=1), PIXELS)


def test_of_several_pages_the_first_is_taken():
    data = frames("tiff")
    np.testing.assert_array_equal(decode(data, channels=3, min_side=1), PIXELS)


# --- what is refused, is refused before anything is decoded ---


def tiff_with(**options):
    return tiff(PIXELS, **options)


def shared_strips():
    """A TIFF whose strips are all the same bytes, so that they can be read without end."""
    rows = 2**10
    return tiff(replace=[(257, 4, [rows]), (278, 4, [1]), (279, 4, [120] * rows)])


def many_pages():
    """A TIFF that is followed by a chain of empty directories."""
    data = tiff()
    (directory,) = struct.unpack_from("<I", data, 4)
    link = directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little")
    start, number = len(data), tiffheader.MAX_PAGES + 1
    chain = b"".join(struct.pack("<HI", 0, start + 6 * (n + 1)) for n in range(number))
    return changed(data, link, struct.pack("<I", start)) + chain + bytes(6)


TWICE = {
    f"TIFF with two values of tag {tag}": (tiff_with(extra=[(tag, 4, [30_000])]), "unreadable")
    for tag in (256, 257, 258, 259, 262, 277, 278, 279)
}
FULL = encoded("jpeg", quality=95, progressive=True, subsampling=0)
COSTLY = TWICE | {
    "TIFF that claims less than it is": (
        tiff_with(replace=[(256, 4, [30_000]), (256, 4, [40])]),
        "unreadable",
    ),
    "TIFF with two lists of lengths": (tiff_with(extra=[(325, 4, [3600])]), "unreadable"),
    "TIFF without lengths": (tiff_with(replace=[(279, 1, [])]), "unreadable"),
    "TIFF with shared strips": (shared_strips(), "unreadable"),
    "TIFF with tags that share their bytes": (
        tiff_with(extra=[(40_000 + n, 1, [7] * 100) for n in range(90)])[:-8_000],
        "unreadable",
    ),
    "TIFF with many pages": (many_pages(), "unreadable"),
    "TIFF with odd tiles": (
        tiff_with(replace=[(322, 4, [17]), (323, 4, [16]), (279, 4, [9])]),
        "unreadable",
    ),
    "TIFF with a tile far beyond its edge": (
        tiff_with(replace=[(322, 4, [2**14]), (323, 4, [2**14]), (279, 4, [9])]),
        "large",
    ),
    "TIFF with tiles that are mostly beyond its edge": (
        tiff_with(
            replace=[
                (256, 4, [64]),
                (257, 4, [2**20]),
                (322, 4, [2**12]),
                (323, 4, [16]),
                (279, 4, [0] * 2**16),
            ]
        ),
        "large",
    ),
    "TIFF in one large strip": (
        tiff_with(replace=[(t, 4, [SIDE]) for t in (256, 257, 278)]),
        "large",
    ),
    "TIFF of many JPEG scans": (
        tiff_with(
            replace=[(259, 3, [7]), (256, 4, [8000]), (257, 4, [8000]), (278, 4, [8000])],
            content=b"\xff\xda" * 1800,
        ),
        "large",
    ),
    "16-bit RGBA PNG": (changed(encoded("png"), 8, png_header(SIDE, SIDE, 16, 6)), "depth"),
    "RGBA PNG": (changed(encoded("png"), 8, png_header(SIDE, SIDE, 8, 6)), "alpha"),
    "grey PNG": (changed(encoded("png"), 8, png_header(SIDE, SIDE, 8, 0)), "grey"),
    "huge PNG": (changed(encoded("png"), 8, png_header(2**20, 2**20)), "large"),
    "progressive JPEG in full colour": (jpeg_sized(FULL, SIDE, SIDE), "large"),
    "JPEG of many scans": (jpeg_scans(jpeg_sized(PROGRESSIVE, 7000, 7000), 40), "large"),
    "huge BMP": (bmp(2**20, 0, 24)[:22] + struct.pack("<i", 2**20) + bytes(99), "large"),
    "large lossless WebP": (
        changed(encoded("webp", lossless=True), 21, struct.pack("<I", 0x3FFF | 8300 << 14)),
        "large",
    ),
    "animated WebP": (webp_extended(2**14, 2**14, flags=0x02), "animated"),
}


@pytest.mark.parametrize("kind", COSTLY)
def test_what_costs_too_much_is_refused_before_it_is_decoded(kind, monkeypatch):
    data, reason = COSTLY[kind]
    monkeypatch.setattr(cv2, "imdecode", None)
    assert verdict(data) == reason
    assert len(data) < 2**20


def test_only_the_strips_of_a_tiff_are_searched_for_frames_of_jpeg():
    plain = encoded("tiff", compression="jpeg")
    assert verdict(plain) == verdict(plain + b"\xff\xc9" * 40) == SHAPE
    frame = jpeg_frame(plain)
    assert verdict(changed(plain, frame, b"\xff\xc9")) == "unreadable"


def test_what_a_camera_writes_is_within_the_limits():
    for data in (JPEG, PROGRESSIVE):
        header = read_header(jpeg_sized(data, SIDE, SIDE))
        assert header.memory <= MAX_MEMORY and header.work <= MAX_WORK


def test_scans_are_counted_up_to_the_end_mark_and_not_in_what_decoders_skip():
    scans = read_header(PROGRESSIVE).work // 1200
    assert scans == PROGRESSIVE.count(b"\xff\xda") == 10
    comment = b"\xff\xfe\0\x22" + b"\xff\xda" * 15 + b"\xff\xd9"
    last = PROGRESSIVE.rindex(b"\xff\xda")
    inside = PROGRESSIVE[:last] + comment + PROGRESSIVE[last:]
    assert read_header(inside + comment).work == 1200 * scans
    assert read_header(jpeg_scans(inside, 7)).work == 1200 * (scans + 7)
    assert read_header(JPEG + comment).work == 1200


def test_more_segments_or_chunks_than_any_encoder_writes_are_refused():
    segments = b"\xff\xfe\0\x02" * jpeg.MAX_SEGMENTS
    assert verdict(JPEG[:2] + segments + JPEG[2:]) == "unreadable"
    chunks = [png_chunk(b"teXt", b"")] * png.MAX_CHUNKS
    assert verdict(png_with(*chunks)) == "unreadable"


def test_texts_in_a_png_are_not_unpacked():
    # Each would take 8 MB; libpng takes a thousand of them.
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(7_900_000), 9))
    data = png_with(text, text, png_chunk(b"gAMA", struct.pack(">I", 45_455)))
    assert png.essential(data) == png.essential(encoded("png"))
    np.testing.assert_array_equal(decode(data, channels=3, min_side=1), PIXELS)


# --- what the header says is what is decoded ---


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((20, 20, 3), np.uint8), np.zeros((30, 40), np.uint8), np.zeros(SHAPE, np.uint16)],
)
def test_other_pixels_than_the_header_says_are_refused(pixels, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda data, flag: pixels)
    for data in (encoded("png"), encoded("bmp"), JPEG, tiff(), encoded("webp")):
        with pytest.raises(PhotoError, match="its header says 40 x 30 pixels of 3") as caught:
            decode(data, channels=3, min_side=1)
        assert caught.value.reason == "unreadable"


def test_a_lack_of_memory_is_not_the_photos_fault(monkeypatch):
    def fail(data, flag):
        error = cv2.error("no memory")
        error.code = cv2.Error.StsNoMem
        raise error

    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(InstaHideError, match="no memory to decode 40 x 30 pixels") as caught:
        decode(JPEG, channels=3, min_side=1)
    assert not isinstance(caught.value, PhotoError)


def mended(data):
    """Mend the checksums of a PNG, so that what is changed reaches the decoder."""
    data, start = bytearray(data), 8
    while start + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[start + 4 : end]))
        start = end + 4
    return bytes(data)


def decoded(data, header):
    """Decode without any check of ours."""
    flag = cv2.IMREAD_ANYCOLOR if header.format == "jpeg" else cv2.IMREAD_UNCHANGED
    data = png.essential(data) if header.format == "png" else data
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None


TELLING = [0, 1, 2, 3, 8, 16, 29, 30, 31, 40, 60, 255, 256, 257, 258, 259, 277, 278, 279, 65535]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 250),  # where
        st.one_of(
            st.binary(min_size=1, max_size=2),
            st.sampled_from(TELLING).map(lambda number: struct.pack("<H", number)),
            st.sampled_from(TELLING).map(lambda number: struct.pack(">I", number)),
            st.tuples(st.integers(0, 250), st.sampled_from([2, 4, 12, 25])),  # a copy
        ),
        st.booleans(),  # whether it is put in between
    ),
    max_size=5,
)
SEEDS = [data for data, *_ in KINDS.values()]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(SEEDS), EDITS)
def test_what_the_header_says_is_what_is_decoded(data, edits):
    for place, content, between in edits:
        if isinstance(content, tuple):
            content = data[content[0] : sum(content)]
        data = data[:place] + content + data[place + (0 if between else len(content)) :]
    if data.startswith(png.MAGIC):
        data = mended(data)
    try:
        header = read_header(data)
    except (Truncated, Unreadable):
        return
    if header.memory > 10**7 or header.animated:
        return
    pixels = decoded(data, header)
    if pixels is not None:
        sides = (header.height, header.width)
        turned = sides[::-1] if header.format in ("jpeg", "tiff") else sides
        assert pixels.shape[:2] in (sides, turned)
        assert header.depth > 8 or pixels.dtype == np.uint8


def test_the_reasons_have_remedies():
    for reason, remedy in REASONS.items():
        assert reason.isalpha() and remedy
    with pytest.raises(PhotoError, match=r"is grey.*`channels: 1` .*--channels 1"):
        decode(encoded("png", IMAGE.convert("L")), channels=3, min_side=1)
    assert decoding.MAX_MEMORY < 2**30
