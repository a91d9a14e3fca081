"""Where an audit keeps what it makes, in the folder beside its page."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkFolder:
    """The files of an audit; workflow/rules/audits.smk has the same.

    Examples
    --------
    >>> WorkFolder(Path("mine")).found("pool", 10)
    PosixPath('mine/rows-10/pool.npz')
    """

    path: Path

    @property
    def private(self) -> Path:
        """The images as they are encrypted."""
        return self.path / "private.npz"

    @property
    def told(self) -> Path:
        """How they were read."""
        return self.path / "reading.json"

    @property
    def result(self) -> Path:
        """What the page is made of."""
        return self.path / "result.npz"

    def half(self, name: str) -> Path:
        """Public images: ``pool``, which are mixed in, or ``others``, the attacker's own."""
        return self.path / f"{name}.zarr"

    def challenge(self, rows: int) -> Path:
        """Encryptions, so many of each image."""
        return self.path / f"rows-{rows}" / "challenge"

    def found(self, attacker: str, rows: int) -> Path:
        """What came back to an attacker from these."""
        return self.path / f"rows-{rows}" / f"{attacker}.npz"


def usual_page(folder: Path | str) -> Path:
    """Return where the page of an audit lies unless somebody says otherwise."""
    return Path(f"audit-of-{Path(folder).resolve().name}", "audit.html")
