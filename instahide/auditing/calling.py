"""An audit as `import instahide` offers it; what it needs is imported when it is called."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instahide.auditing.result import AuditResult

__all__ = ["Audit", "audit"]


@dataclass(frozen=True)
class Audit:
    """What leaks from one's own images; shown by attacker.

    Attributes
    ----------
    page : Path
        The page, which shows private images; a table (`.csv`), a JSON file and a folder with
        everything else have its name.
    result : AuditResult
        The same as data: ``result.files``, ``result.images``, and by the name of an attacker
        ``result.found["photos"].recognised``, ``.ssim`` and ``.images``.
    """

    page: Path
    result: "AuditResult" = field(repr=False)

    @property
    def recognised(self) -> dict[str, int]:
        """How many images came back recognisably, by the name of an attacker."""
        found = self.result.found
        return {
            one.name: int(found[one.name].recognised.sum()) for one in self.result.attackers
        }

    def __repr__(self) -> str:
        count, counts = len(self.result.files), self.recognised
        lines = [
            f"- {one.name}, who {one.words}: {counts[one.name]} of {count}"
            for one in self.result.attackers
        ]
        head = f"Audit of {self.result.title}: images that came back recognisably to"
        return "\n".join([head, *lines, f"page: {self.page}"])


def audit(
    folder: Path | str,
    page: Path | str | None = None,
    *,
    k: int = 4,
    rows_per_image: int = 10,
    public: Path | str | None = None,
    **others: Any,
) -> Audit:
    """Encrypt images of one's own, attack the encryptions, and write a page of what came back.

    Parameters
    ----------
    folder : path
        The images, with or without a sub-folder for each class. Nothing there is written to.
    page : path or None
        `.html`; None for `audit-of-FOLDER/audit.html`. Interrupted, the same call goes on.
    k : int
        Images in a mixture.
    rows_per_image : int
        Encryptions of each image.
    public : path or None
        Public photos, half of them for the attacker; None for those that come along.
    **others
        The other keys of `audits` in a configuration: ``at_most``, ``size``, ``square``,
        ``channels``, ``curve``, ``inside``, ``augment``, ``seed``. With none of them the page
        is that of the command without options.

    Raises
    ------
    InstaHideError
        When there is nothing to audit, a key is none of these, or no attack is on such
        encryptions.

    Examples
    --------
    >>> photos = "example/photos"
    >>> few = {"at_most": 6, "size": 16, "curve": [], "public": f"{photos}/public"}
    >>> done = audit(f"{photos}/private", "example/mine.html", rows_per_image=12, **few)
    >>> print(done)  # doctest: +ELLIPSIS
    Audit of private: images that came back recognisably to
    - photos, who knows nothing but photos of the same kind: ... of 6
    - pool, who knows the public images too: ... of 6
    - blind, who knows neither labels nor coefficients: ... of 6
    page: example/mine.html
    >>> done.recognised["pool"] >= done.recognised["photos"]
    True
    """
    from instahide.auditing.configured import checked_audit, reading_of, settings_of
    from instahide.auditing.reading import Reading
    from instahide.auditing.whole import run_audit
    from instahide.auditing.workfolder import usual_page

    given = checked_audit({"k": k, "rows_per_image": rows_per_image, **others})
    page = usual_page(folder) if page is None else Path(page)
    reading = Reading(**reading_of(given))
    result = run_audit(folder, page, settings_of(given), reading=reading, public=public)
    return Audit(page, result)
