"""What an organiser looks at before publishing a challenge, all on one page."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from instahide.attacks.recipe import baselines_for
from instahide.challenge.folder import COMPANIONS, ChallengeFolder, load_seed
from instahide.challenge.manifest import load_manifest, released
from instahide.challenge.private import INTEGER, RANDOM, load_selection
from instahide.challenge.verification import (
    IDENTICAL,
    RELEASE_DAMAGE,
    companions_in,
    compare_release,
    unexpected,
    verify_files,
)
from instahide.encodings.choice import EncodingChoice
from instahide.errors import InstaHideError
from instahide.files import check_file, save_text, sha256_of_file
from instahide.leaderboard.htmlpage import Cell, render
from instahide.leaderboard.records import Record, encryption_digest, load_record
from instahide.photos.listing import bundled_photos
from instahide.randomness import historical
from instahide.scoring.metrics import METRICS
from instahide.scoring.score import TITLES

Status = Literal["passed", "warning", "failed"]
OTHERS = 0o077  # rights of everybody but the owner


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what, how it stands, and why or what to do."""

    name: str
    status: Status
    text: str


#: For a challenge that was verified already, as the workflow does.
PASSED = Finding("verification", "passed", "the challenge was made again, bit for bit")


@dataclass(frozen=True)
class Examination:
    """All findings about a challenge, and the records of its baselines."""

    manifest: dict[str, Any]
    findings: tuple[Finding, ...]
    baselines: tuple[Record, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing failed; warnings are for the organiser to settle."""
        return all(finding.status != "failed" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.ready:
            return "Not ready to be published."
        if any(finding.status == "warning" for finding in self.findings):
            return "Complete, but not ready to be published before the warnings are settled."
        return "Ready to be published."

    def as_text(self) -> str:
        """Return a line for each finding, and a sentence."""
        width = max(len(finding.name) for finding in self.findings)
        lines = [f"{item.status:8} {item.name:{width}}  {item.text}" for item in self.findings]
        return "\n".join([*lines, self.verdict])

    def as_html(self, title: str) -> str:
        """Return a self-contained page."""
        findings = [
            (
                "",
                [
                    Cell(item.status, style=f"line {item.status}"),
                    Cell(item.name),
                    Cell(item.text, style="text"),
                ],
            )
            for item in self.findings
        ]
        numbers = [Cell(TITLES[name], style="number") for name in METRICS]
        return render(
            "check.html.j2",
            title=title,
            verdict=self.verdict,
            finding_titles=[Cell("status"), Cell("what"), Cell("finding")],
            findings=findings,
            baseline_titles=[Cell("baseline", style="key"), *numbers],
            baselines=[("", _baseline_cells(record)) for record in self.baselines],
            fact_titles=[Cell("key"), Cell("value")],
            facts=[("", _fact(item)) for item in _facts(self)],
        )


def examine(folder: ChallengeFolder, verification: Finding) -> Examination:
    """Look at everything that an organiser should before publishing a challenge.

    Parameters
    ----------
    verification : Finding
        From `verify_again`, or `PASSED`.

    Raises
    ------
    InstaHideError
        When there is no challenge in the folder.
    """
    manifest = load_manifest(folder)
    digest = encryption_digest(manifest)
    expected = baselines_for(manifest)
    baselines, finding = _examine_baselines(folder, digest, expected)
    findings = (
        _examine_release(folder, manifest),
        _examine_secrets(folder, manifest),
        verification,
        _examine_seed(folder, manifest),
        *_examine_private(folder, manifest),
        finding,
        *_examine_oracle(baselines),
    )
    return Examination(manifest, findings, tuple(baselines))


def verify_again(
    folder: ChallengeFolder, pool: Path | str | None, chosen: EncodingChoice
) -> Finding:
    """Verify a challenge with its own secrets."""
    try:
        result = verify_files(folder, folder.private, pool, load_seed(folder.seed), chosen)
    except InstaHideError as error:
        return Finding("verification", "failed", str(error))
    status: Status = "passed" if result.passed else "failed"
    return Finding("verification", status, result.as_text().splitlines()[-1])


def save_examination(path: Path | str, result: Examination, title: str) -> None:
    """Write the page of a challenge that is ready.

    Raises
    ------
    InstaHideError
        When it is not; says why.
    """
    if not result.ready:
        raise InstaHideError("\n" + result.as_text())
    save_text(path, result.as_html(title))


def _examine_release(folder: ChallengeFolder, manifest: dict[str, Any]) -> Finding:
    name = "release complete"
    names = released(manifest)
    missing = [file for file in (*names, "release.zip") if not (folder.path / file).is_file()]
    if missing:
        return Finding(name, "failed", f"missing: {', '.join(missing)}")
    for file, about in manifest["files"].items():
        if sha256_of_file(folder.path / file) != about["sha256"]:
            return Finding(name, "failed", f"{file} is not the one challenge.json tells of")
    verdict = compare_release(folder, names)
    if verdict != IDENTICAL:
        return Finding(name, "failed", f"release.zip {verdict}")
    with zipfile.ZipFile(folder.release) as archive:
        held = [*names, *companions_in(archive)]
    return Finding(name, "passed", f"release.zip holds {', '.join(held)}")


def _examine_secrets(folder: ChallengeFolder, manifest: dict[str, Any]) -> Finding:
    """Look for secrets where everybody can read."""
    name = "no secrets"
    secrets = [folder.seed.parent, folder.seed, folder.truth, folder.private]
    missing = [path.name for path in secrets if not path.exists()]
    if missing:
        return Finding(
            name, "failed", f"missing, so nothing can be scored: {', '.join(missing)}"
        )
    open_ = [path.name for path in secrets if path.stat().st_mode & OTHERS]
    if open_:
        return Finding(name, "failed", f"others may read {', '.join(open_)}; use chmod go-rwx")
    text = folder.manifest.read_text(encoding="utf-8")
    seed = load_seed(folder.seed).material.hex()
    if seed in text:
        return Finding(name, "failed", "challenge.json holds the seed; make the challenge anew")
    if folder.participants.is_file() and seed.encode() in folder.participants.read_bytes():
        return Finding(name, "failed", "participants.html holds the seed; make the page anew")
    if others := _unexpected(folder.release, [*released(manifest), *COMPANIONS]):
        return Finding(name, "failed", f"release.zip holds {others} too")
    return Finding(name, "passed", "none in the release; the secret folder is its owner's only")


def _unexpected(release: Path, names: list[str]) -> str:
    """Name what is in a release beside the public files."""
    try:
        check_file(release)
        with zipfile.ZipFile(release) as archive:
            return unexpected(archive, names)
    except RELEASE_DAMAGE:
        return ""  # which is a finding of the release


def _examine_seed(folder: ChallengeFolder, manifest: dict[str, Any]) -> Finding:
    name = "seed"
    if not folder.seed.exists():
        return Finding(name, "failed", "secret/seed is missing")
    if manifest.get("generator") == historical.NAME:
        text = f"the labels give away the seed of {historical.NAME}: for demonstrations only"
        return Finding(name, "warning", text)
    if load_seed(folder.seed).guessable:
        text = "an integer can be guessed; leave 'seed' out to get 256 bits of the system's"
        return Finding(name, "warning", text)
    return Finding(name, "passed", "256 bits")


def _examine_private(folder: ChallengeFolder, manifest: dict[str, Any]) -> list[Finding]:
    """Ask whether somebody could have the private images without any attack."""
    name, selection = "private set", load_selection(folder.private)
    if selection == RANDOM:
        findings = [Finding(name, "passed", "selected with 256 bits")]
    elif selection == INTEGER:
        text = (
            "selected with an integer, which can be guessed: who has the images it was "
            "selected from selects the same, without any attack; leave 'seed' out of the "
            "private set too"
        )
        findings = [Finding(name, "warning", text)]
    else:
        text = (
            "its file does not say whether the seed it was selected with can be guessed; "
            "select it anew, or be sure that nobody can"
        )
        findings = [Finding(name, "warning", text)]
    if set(manifest["classes"]) == {Path(photo.name).stem for photo in bundled_photos()}:
        text = "these images come with installed packages, so everybody has them"
        findings.append(Finding("private images", "warning", text))
    return findings


def _examine_baselines(
    folder: ChallengeFolder, digest: str, names: tuple[str, ...]
) -> tuple[list[Record], Finding]:
    """Read the records of the baselines that are scored for this very challenge."""
    records = []
    for name in names:
        path = folder.path / "attacks" / name / "record.json"
        if path.exists() and (record := load_record(path)).challenge == digest:
            records.append(record)
    missing = [name for name in names if name not in {item.attack for item in records}]
    if missing:
        text = f"missing: {', '.join(missing)}; run instahide baselines {folder.path}"
        return records, Finding("baselines", "failed", text)
    return records, Finding("baselines", "passed", f"scored: {', '.join(names)}")


def _examine_oracle(records: list[Record]) -> list[Finding]:
    """Compare the oracle with the other baselines: below them, a challenge measures little."""
    found = {record.attack: record.metrics["max_ssim"].mean for record in records}
    oracle, name = found.pop("oracle", None), "room for attacks"
    if oracle is None or not found:
        return []
    best = max(found, key=found.__getitem__)
    text = f"Max_SSIM {oracle:.3f} with all masks known, {found[best]:.3f} by {best}"
    return [Finding(name, "passed" if oracle > found[best] else "warning", text)]


def _baseline_cells(record: Record) -> list[Cell]:
    cells = [Cell(record.attack, record.note, "key")]
    for name in METRICS:
        value = record.metrics[name]
        cells.append(Cell(f"{value.mean:.3f}", f"{value.low:.3f}–{value.high:.3f}", "number"))
    return cells


def _facts(result: Examination) -> list[tuple[str, Any]]:
    """Return what the manifest tells, as pairs of key and value."""
    skipped = {"format_version", "files", "commitment", "versions"}
    facts = [(key, item) for key, item in result.manifest.items() if key not in skipped]
    return [*facts, ("sha256 of encryption.npy", encryption_digest(result.manifest))]


def _fact(item: tuple[str, Any]) -> list[Cell]:
    key, value = item
    return [Cell(key), Cell(_in_words(value), style="text")]


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
