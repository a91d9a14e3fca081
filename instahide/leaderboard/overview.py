"""An overview of all challenges: what each is, and the best attack for each knowledge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.files import save_text
from instahide.leaderboard.ablation import describe_settings
from instahide.leaderboard.htmlpage import MORE_TO_THE_SIDE, render
from instahide.leaderboard.knowledge import in_two_words, knowledge_in_words, strength
from instahide.leaderboard.recheck import load_records, load_taken_in, taken_in
from instahide.leaderboard.records import Record
from instahide.leaderboard.tables import escape_markdown

TITLE_OF_OVERVIEW = "All challenges"
EXPLANATION = (
    "For each challenge, the best attack for each thing that an attacker may have. Max_SSIM "
    "tells how alike recovered images are to the private ones (1 is equal), with 95 % "
    "bootstrap intervals. Challenges differ in how hard they are: compare attacks on one of "
    "them, and challenges under one attack. Galleries show private images, and are for the "
    "organiser."
)
BASELINES_ONLY = "no attack yet, baselines only"
ONLY_SWEEPS = "The configuration has no challenges besides the points of its sweeps."
NOT_STATED = "not stated what the attacker had"


@dataclass(frozen=True)
class Best:
    """The best attack for one knowledge.

    Attributes
    ----------
    attack, score, interval, knowledge : str
        Texts; what was given in words.
    gallery : str
        Address of its gallery, or nothing.
    """

    attack: str
    score: str
    interval: str
    knowledge: str
    gallery: str = ""


@dataclass(frozen=True)
class Listed:
    """A challenge in the overview.

    Attributes
    ----------
    name, parameters : str
    best : tuple of Best
        The strongest first.
    submissions : int
    links : dict of str
        Addresses relative to the page, by what they lead to.
    """

    name: str
    parameters: str
    best: tuple[Best, ...]
    submissions: int
    links: Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """A sweep in the overview: its name, and addresses by what they lead to."""

    name: str
    links: Mapping[str, str]


def list_challenge(results: Path, name: str, attacks: Sequence[str]) -> Listed:
    """Read what the overview tells of a challenge.

    Parameters
    ----------
    results : path
        The folder of all results.
    name : str
        Of the challenge: its folder below `results`.
    attacks : sequence of str
        Whose records count, and who have galleries; those of submissions count too.

    Raises
    ------
    InstaHideError
        When a file is missing or damaged, or a record is of another challenge.
    """
    folder = ChallengeFolder(results / name)
    own = {attack: folder.path / "attacks" / attack / "record.json" for attack in attacks}
    theirs = sorted((folder.path / "submissions").glob("*.json"))
    records = load_records([*own.values(), *theirs], folder)
    records += (others := load_taken_in(taken_in(folder), folder))
    galleries = {
        place: _address(name, "attacks", attack, "gallery.png")
        for place, attack in enumerate(attacks)
    }
    best = best_of(records, galleries)
    handed_in = len(theirs) + len(others)
    links = {"leaderboard": _address(name, "leaderboard.html")}
    shown = next((item.gallery for item in best if item.gallery), "")
    links |= {"gallery": shown} if shown else {}
    links["challenge.json"] = _address(name, "challenge.json")
    return Listed(name, describe_settings(load_manifest(folder)), best, handed_in, links)


def best_of(records: Sequence[Record], galleries: Mapping[int, str]) -> tuple[Best, ...]:
    """Return the best attack for each knowledge, the highest score first.

    Parameters
    ----------
    records : sequence of Record
        Baselines are passed over.
    galleries : mapping of int to str
        Addresses of galleries, by the place of the record.
    """
    return tuple(
        _best(records[place], known, galleries.get(place, ""))
        for known, place in best_by_knowledge(records).items()
    )


def best_by_knowledge(records: Sequence[Record]) -> dict[str, int]:
    """Return the places of the best attacks by what they were given, the best one first.

    Baselines are passed over.
    """
    found: dict[str, int] = {}
    for place, record in enumerate(records):
        known = known_in_words(record)
        if not record.baseline and (
            known not in found or max_ssim_of(record) > max_ssim_of(records[found[known]])
        ):
            found[known] = place
    return dict(sorted(found.items(), key=lambda item: -max_ssim_of(records[item[1]])))


def max_ssim_of(record: Record) -> float:
    """Return the mean Max_SSIM of a record."""
    return record.metrics["max_ssim"].mean


def known_in_words(record: Record) -> str:
    """Return what an attacker was given, in words."""
    if record.given is None:
        return NOT_STATED
    pair = in_two_words(record.given)
    words = knowledge_in_words(*pair) if strength(*pair) is not None else NOT_STATED
    return f"{words}, the generator" if record.given.generator else words


def _best(record: Record, known: str, gallery: str) -> Best:
    value = record.metrics["max_ssim"]
    interval = "" if value.low is None else f"{value.low:.3f}–{value.high:.3f}"
    return Best(record.attack, f"{value.mean:.3f}", interval, known, gallery)


def list_sweep(results: Path, name: str) -> Shown:
    """Return what there is of a sweep: its table, its figures, its plane."""
    folder = results / "sweeps"
    curves = sorted((folder / name / "curves").glob("*.png"))
    links = {"table": _address("sweeps", f"{name}.csv")}
    for path in curves:
        links[path.stem] = _address("sweeps", name, "curves", path.name)
    if (folder / name / "plane.png").exists():
        links["what leaks, and what it costs"] = _address("sweeps", name, "plane.png")
    return Shown(name, links)


def _address(*parts: str) -> str:
    return "/".join(quote(part) for part in parts)


def overview_as_html(listed: Sequence[Listed], sweeps: Sequence[Shown]) -> str:
    """Return the overview as a page; everything is escaped."""
    return render(
        "overview.html.j2",
        title=TITLE_OF_OVERVIEW,
        explanation=EXPLANATION,
        hint=MORE_TO_THE_SIDE,
        nobody=BASELINES_ONLY,
        only_sweeps=ONLY_SWEEPS,
        challenges=listed,
        sweeps=sweeps,
    )


def overview_as_markdown(listed: Sequence[Listed], sweeps: Sequence[Shown]) -> str:
    """Return the overview as Markdown, safe to show whatever the records hold."""
    heading = "best attack, by what the attacker has"
    head = ["challenge", heading, "parameters", "submissions", "more"]
    lines = [f"# {TITLE_OF_OVERVIEW}", "", EXPLANATION, ""]
    if listed:
        lines += [f"| {' | '.join(head)} |", "| --- | --- | --- | ---: | --- |"]
    else:
        lines.append(ONLY_SWEEPS)
    for entry in listed:
        best = "<br>".join(map(_best_in_markdown, entry.best)) or BASELINES_ONLY
        name = _link(entry.name, entry.links["leaderboard"])
        more = " ".join(_link(text, address) for text, address in entry.links.items())
        parameters = escape_markdown(entry.parameters)
        lines.append(f"| {name} | {best} | {parameters} | {entry.submissions} | {more} |")
    if sweeps:
        lines += ["", "## Sweeps", ""]
        lines += [
            f"- {escape_markdown(sweep.name)}: "
            + ", ".join(_link(text, address) for text, address in sweep.links.items())
            for sweep in sweeps
        ]
    return "\n".join(lines) + "\n"


def _best_in_markdown(best: Best) -> str:
    name = _link(best.attack, best.gallery) if best.gallery else escape_markdown(best.attack)
    interval = f" ({best.interval})" if best.interval else ""
    return f"{name} {best.score}{interval}: {escape_markdown(best.knowledge)}"


def _link(text: str, address: str) -> str:
    return f"[{escape_markdown(text)}]({address})"


def save_overview(
    results: Path | str, attacks: Mapping[str, Sequence[str]], sweeps: Sequence[str] = ()
) -> None:
    """Write `index.html` and `index.md` into the folder of all results.

    Parameters
    ----------
    attacks : mapping of str to sequence of str
        By challenge, in the order of the page.
    sweeps : sequence of str
        Names.

    Raises
    ------
    InstaHideError
        As `list_challenge` does.
    """
    results = Path(results)
    listed = [list_challenge(results, name, names) for name, names in attacks.items()]
    shown = [list_sweep(results, name) for name in sweeps]
    save_text(results / "index.md", overview_as_markdown(listed, shown))
    save_text(results / "index.html", overview_as_html(listed, shown))
