"""Draw the pictures of docs/audit.md: a page of `instahide audit` as Chromium shows it.

``audit-answer.png``: its first screen.
``audit-list.png``: the beginning of the list of all images.

The photos come with scikit-image and Matplotlib. Takes a minute; needs Chromium:
python docs/drawaudit.py
"""

import argparse
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from instahide.auditing.reading import Reading
from instahide.auditing.settings import AuditSettings
from instahide.auditing.whole import run_audit
from instahide.commands.audit import QUICK_IMAGES, QUICK_SIZE
from instahide.errors import InstaHideError
from instahide.photos.samples import save_samples

WIDTH = 1180
#: Where in the page a picture begins and ends, in pixels.
PICTURES = {"audit-answer.png": (0, 720), "audit-list.png": (740, 1645)}
COLOURS = 256  # so that a picture takes less than 200 kB


def main() -> None:
    """Audit, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as place:
        page = audited_samples(Path(place))
        seen = photographed(page, (WIDTH, max(end for _, end in PICTURES.values())))
        for name, (begin, end) in PICTURES.items():
            (out / name).write_bytes(small(seen.crop((0, begin, WIDTH, end))))


def audited_samples(place: Path) -> Path:
    """Audit photos as `instahide audit photos/private --public photos/public --quick` does."""
    photos, page = place / "photos", place / "audit" / "page.html"
    save_samples(photos / "public", photos / "private")
    reading = Reading(size=QUICK_SIZE, most=QUICK_IMAGES)
    public = photos / "public"
    run_audit(photos / "private", page, AuditSettings(), reading=reading, public=public)
    return page


def photographed(page: Path, size: tuple[int, int]) -> Image.Image:
    """Return a page in a window of this width and height.

    Raises
    ------
    InstaHideError
        When there is no Chromium, or it makes no picture.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise InstaHideError("Chromium is not installed: it makes the pictures")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        taken = Path(home, "taken.png")
        options = [
            "--headless=new",
            "--no-sandbox",  # containers run as root, where it refuses to start
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={home}",
            f"--window-size={size[0]},{size[1]}",
            f"--screenshot={taken}",
        ]
        subprocess.run([chromium, *options, page.as_uri()], capture_output=True)
        if not taken.exists():
            raise InstaHideError(f"{chromium} made no picture of the page")
        return Image.open(io.BytesIO(taken.read_bytes())).convert("RGB")


def small(picture: Image.Image) -> bytes:
    """Return a picture as PNG with a palette."""
    file = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
