"""DICOM files of pydicom's own writer: pixels as they are shown, and nothing of patients."""

import logging
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from instahide.auditing.dicom import ELEMENTS, look_at_dicom, windowed
from instahide.auditing.pictures import read_picture, stretched
from instahide.auditing.reading import Reading, read_own_images
from instahide.challenge.private import save_private
from instahide.photos.decoding import PhotoError
from instahide.randomness.keystream import Key

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.pixels import apply_windowing  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.uid import (  # noqa: E402
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
    generate_uid,
)

RANDOM = np.random.default_rng(0)
SECRET, BIRTHDAY = "Secret^Name", "19610203"


def dataset(pixels, kind="MONOCHROME2", bits=None, syntax=ExplicitVRLittleEndian, **elements):
    """Return a file of one or more frames, of a patient."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = UltrasoundImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.PatientName, made.PatientID, made.PatientBirthDate = SECRET, "SECRET-4711", BIRTHDAY
    made.PatientComments = "Secret^Name, of Secret Street"
    samples = 3 if pixels.shape[-1] == 3 else 1
    made.Rows, made.Columns = pixels.shape[-3:-1] if samples == 3 else pixels.shape[-2:]
    if pixels.ndim - (samples == 3) == 3:
        made.NumberOfFrames = len(pixels)
    made.SamplesPerPixel, made.PhotometricInterpretation = samples, kind
    if samples == 3:
        made.PlanarConfiguration = 0
    made.BitsAllocated = 8 * pixels.dtype.itemsize
    made.BitsStored = bits or made.BitsAllocated
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in elements.items():
        setattr(made, name, value)
    made.PixelData = pixels.tobytes()
    return made


def save(path, pixels, *arguments, **elements):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = dataset(pixels, *arguments, **elements)
        made.save_as(path, enforce_file_format=True)
    return made


def shown(path):
    return read_picture(str(path)).pixels[..., 0]


def twelve_bits(*shape):
    return RANDOM.integers(0, 4096, shape, dtype=np.uint16)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_are_those_of_pydicom(function, tmp_path):
    values = twelve_bits(40, 30)
    elements = {"WindowCenter": 900.5, "WindowWidth": 700, "VOILUTFunction": function}
    made = save(tmp_path / "a.dcm", values, bits=12, **elements)
    expected = apply_windowing(values, made) / (2**12 - 1)
    assert np.allclose(windowed(values, 900.5, 700, function), expected)
    assert np.array_equal(shown(tmp_path / "a.dcm"), np.rint(expected * 255).astype(np.uint8))


@given(st.floats(-5000, 5000), st.floats(1, 9000), st.sampled_from(["LINEAR", "SIGMOID"]))
def test_windows_rise_from_nothing_to_one(centre, width, function):
    values = windowed(np.arange(-9000, 9000, 7), centre, width, function)
    assert (np.diff(values) >= 0).all() and 0 <= values.min() <= values.max() <= 1


def test_rescaled_values_are_windowed(tmp_path):
    stored = twelve_bits(40, 30)
    elements = {"RescaleSlope": 2, "RescaleIntercept": -1024}
    elements |= {"WindowCenter": [40, 500], "WindowWidth": [400, 2000]}
    save(tmp_path / "ct.dcm", stored, bits=12, **elements)
    hounsfield = stored * 2.0 - 1024
    expected = np.clip((hounsfield - 39.5) / 399 + 0.5, 0, 1)
    assert np.array_equal(shown(tmp_path / "ct.dcm"), np.rint(expected * 255).astype(np.uint8))


def test_signed_values_are_windowed(tmp_path):
    stored = (twelve_bits(20, 20).astype(np.int32) - 2048).astype(np.int16)
    save(tmp_path / "ct.dcm", stored, bits=12, WindowCenter=0, WindowWidth=4096)
    expected = np.clip((stored + 0.5) / 4095 + 0.5, 0, 1)
    assert np.array_equal(shown(tmp_path / "ct.dcm"), np.rint(expected * 255).astype(np.uint8))


def test_newer_files_keep_window_and_rescaling_of_each_frame(tmp_path):
    def group(**elements):
        voi, rescaled, whole = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = elements["window"]
        rescaled.RescaleSlope, rescaled.RescaleIntercept = 1, elements["intercept"]
        whole.FrameVOILUTSequence = Sequence([voi])
        whole.PixelValueTransformationSequence = Sequence([rescaled])
        return whole

    frames = twelve_bits(3, 20, 20)
    groups = [group(window=(number * 500 + 1, 900), intercept=-100) for number in range(3)]
    elements = {"PerFrameFunctionalGroupsSequence": Sequence(groups)}
    save(tmp_path / "mr.dcm", frames, bits=12, **elements)
    expected = np.clip((frames[1] - 100.0 - 500.5) / 899 + 0.5, 0, 1)
    assert np.array_equal(shown(tmp_path / "mr.dcm"), np.rint(expected * 255).astype(np.uint8))


def test_the_table_of_a_file_is_applied(tmp_path):
    stored = RANDOM.integers(0, 256, (20, 20), dtype=np.uint8)
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = (np.arange(255, -1, -1, "<u2") * 257).astype("<u2").tobytes()
    save(tmp_path / "a.dcm", stored, VOILUTSequence=Sequence([table]))
    assert np.array_equal(shown(tmp_path / "a.dcm"), 255 - stored)


def test_largest_values_may_stand_for_black(tmp_path):
    stored = RANDOM.integers(0, 256, (20, 20), dtype=np.uint8)
    save(tmp_path / "a.dcm", stored, "MONOCHROME1")
    save(tmp_path / "b.dcm", stored, "MONOCHROME2")
    assert np.array_equal(shown(tmp_path / "a.dcm"), 255 - stored)
    assert np.array_equal(shown(tmp_path / "b.dcm"), stored)


def test_without_a_window_a_file_s_own_range_counts(tmp_path):
    stored = twelve_bits(20, 20) // 4 + 100
    for elements in ({}, {"WindowCenter": 5, "WindowWidth": 0}):
        save(tmp_path / "a.dcm", stored, bits=12, **elements)
        found = read_picture(str(tmp_path / "a.dcm"))
        assert np.array_equal(found.pixels[..., 0], stretched(stored))
        assert found.notes == {"unwindowed"}


def test_the_middle_of_several_frames_is_taken(tmp_path):
    frames = RANDOM.integers(0, 256, (5, 20, 24), dtype=np.uint8)
    save(tmp_path / "a.dcm", frames)
    found = read_picture(str(tmp_path / "a.dcm"))
    assert np.array_equal(found.pixels[..., 0], frames[2]) and found.notes == {"frames"}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_colours_are_read(syntax, tmp_path):
    colours = RANDOM.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    save(tmp_path / "a.dcm", colours, "RGB", syntax=syntax)
    assert np.array_equal(read_picture(str(tmp_path / "a.dcm")).pixels, colours)
    from pydicom.pixels import convert_color_space

    save(tmp_path / "b.dcm", convert_color_space(colours, "RGB", "YBR_FULL"), "YBR_FULL")
    again = read_picture(str(tmp_path / "b.dcm")).pixels
    assert np.abs(again.astype(int) - colours).max() <= 3


def test_palettes_are_read(tmp_path):
    places = RANDOM.integers(0, 4, (20, 20), dtype=np.uint8)
    tables = np.array([[0, 255, 9, 80], [1, 2, 3, 4], [0, 0, 255, 255]])
    elements = {}
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        data = (table.astype("<u2") * 257).tobytes()
        elements[f"{colour}PaletteColorLookupTableData"] = data
    save(tmp_path / "a.dcm", places, "PALETTE COLOR", **elements)
    assert np.array_equal(read_picture(str(tmp_path / "a.dcm")).pixels, tables.T[places])


def test_run_lengths_are_decoded(tmp_path):
    stored = RANDOM.integers(0, 3, (20, 20), dtype=np.uint8)
    made = dataset(stored)
    made.compress(RLELossless)
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.array_equal(shown(tmp_path / "a.dcm"), stored)


def refused(path):
    with pytest.raises(PhotoError) as caught:
        look_at_dicom(str(path))
        read_picture(str(path))
    assert "Secret" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_decoded_says_so(tmp_path):
    made = dataset(twelve_bits(20, 20))
    made.file_meta.TransferSyntaxUID = JPEGLSLossless
    made["PixelData"].VR = "OB"
    made.PixelData = pydicom.encaps.encapsulate([b"\0" * 40])
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "(JPEG-LS Lossless Image Compression), and no decoder" in refused(tmp_path / "a.dcm")
    save(tmp_path / "b.dcm", twelve_bits(20, 20), syntax=DeflatedExplicitVRLittleEndian)
    assert "deflated: save it uncompressed" in refused(tmp_path / "b.dcm")


def test_files_without_pictures_and_huge_ones_say_so(tmp_path):
    report = dataset(twelve_bits(20, 20))
    del report.PixelData, report.Rows
    report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    assert "holds no picture" in refused(tmp_path / "report.dcm")
    save(tmp_path / "huge.dcm", twelve_bits(20, 20), Rows=65535, Columns=65535)
    assert "65535 × 65535 pixels are more than" in refused(tmp_path / "huge.dcm")
    save(tmp_path / "short.dcm", twelve_bits(20, 20), Rows=200)
    assert "damaged, or not whole" in refused(tmp_path / "short.dcm")


def test_nothing_of_a_patient_is_read_told_or_kept(tmp_path, capfd, caplog):
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(4):
        save(folder / f"{number}.dcm", twelve_bits(30, 40), bits=12)
    save(folder / "odd.dcm", twelve_bits(30, 40), PhotometricInterpretation="SECRET^NAME")
    save(folder / "short.dcm", twelve_bits(30, 40), Rows=400)
    caplog.clear()  # of what was said while writing
    capfd.readouterr()
    with caplog.at_level(logging.DEBUG):
        own = read_own_images(folder, Reading(), Key.from_seed(0))
    save_private(tmp_path / "set.npz", own.images)
    with np.load(tmp_path / "set.npz") as arrays:
        kept = b"".join(arrays[name].tobytes() for name in arrays)
    printed = capfd.readouterr()
    told = repr(own.reading) + repr(own.unreadable) + printed.out + printed.err + caplog.text
    assert len(own.images.images) == 4 and len(own.unreadable) == 2
    for secret in ("ecret", "ECRET", BIRTHDAY, "4711"):
        assert secret not in told
        assert secret.encode() not in kept and secret.encode("utf-32-le") not in kept


def test_elements_of_patients_are_not_asked_for():
    for name in ELEMENTS:
        tag = pydicom.datadict.tag_for_keyword(name)
        # 0028: how pixels are stored and shown; 5200: the same of each frame.
        assert tag >> 16 in (0x0028, 0x5200)


def test_dicom_is_known_by_its_content_and_told(tmp_path):
    stored = RANDOM.integers(0, 256, (40, 40), dtype=np.uint8)
    save(tmp_path / "IM0001", stored, WindowCenter=128, WindowWidth=256)
    save(tmp_path / "患者.dicom", np.stack([stored] * 3))
    Image.fromarray(stored).save(tmp_path / "plain.png")
    (tmp_path / "false.dcm").write_bytes(bytes(300))
    own = read_own_images(tmp_path, Reading(), Key.from_seed(0))
    assert own.images.files == ("IM0001", "plain.png", "患者.dicom")
    assert own.images.images.shape == (3, 32, 32, 1)
    told = " ".join(own.reading)
    assert "1 of 3 is DICOM, and shown through the first window that it states." in told
    assert "1 of 3 is DICOM and has several frames: the one in the middle was taken." in told
    assert dict(own.unreadable)["false.dcm"].startswith("not a JPEG")


def test_without_pydicom_files_are_named_and_told_what_to_do(tmp_path, monkeypatch):
    for number in range(2):
        Image.fromarray(RANDOM.integers(0, 256, (40, 40), np.uint8)).save(
            tmp_path / f"{number}.png"
        )
    save(tmp_path / "a.dcm", twelve_bits(20, 20))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    own = read_own_images(tmp_path, Reading(), Key.from_seed(0))
    assert own.images.files == ("0.png", "1.png")
    assert own.unreadable == (
        ("a.dcm", "is DICOM, which pydicom reads: pip install 'instahide[dicom]'"),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("dicom") / "a.dcm"
    save(path, twelve_bits(9, 9), bits=12, WindowCenter=900, WindowWidth=700)
    return path.read_bytes()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_file_is_shown_or_refused(whole, tmp_path_factory, data):
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("wild") / "x.dcm"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert read_picture(str(path)).pixels.dtype == np.uint8
    except PhotoError as error:
        assert "Secret" not in str(error)
