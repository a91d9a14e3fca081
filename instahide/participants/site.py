"""The public site: boards, participants' pages, releases and an overview in one static folder.

::

    index.html               all challenges, and the best attack for each knowledge
    .nojekyll                so that GitHub Pages serves all files as they are
    {challenge}/             leaderboard.html and .csv, participants.html, challenge.json,
                             release.zip; with galleries, galleries/{attack}.png

Links are relative, so that it works from disk and below any address. Nothing secret is taken:
galleries show private images, and come along only where they are asked for.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from urllib.parse import quote

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest, released
from instahide.challenge.verification import IDENTICAL, compare_release
from instahide.errors import InstaHideError
from instahide.files import filled_folder
from instahide.leaderboard.htmlpage import MORE_TO_THE_SIDE, render
from instahide.leaderboard.overview import Listed, list_challenge

SITE_TITLE = "InstaHide challenges"
SITE_EXPLANATION = (
    "Of each challenge the best attack for each knowledge, by Max_SSIM: how alike recovered "
    "images are to the private ones (1 is equal), with 95 % bootstrap intervals. Challenges "
    "differ in how hard they are: compare attacks on one of them, and challenges under one "
    "attack. To take part, read the page for participants."
)
FILE_MODE, FOLDER_MODE = 0o644, 0o755
BODY = "<body>\n"
#: What is taken from a challenge's folder -> what the overview calls it; `""`: it has no link.
SITE_PAGES = {"leaderboard.html": "leaderboard", "participants.html": "for participants"}
SITE_FILES = {"release.zip": "release.zip", "challenge.json": "challenge.json"}
SITE_TABLE = {"leaderboard.csv": "table as CSV"}


def save_site(
    out: Path | str,
    challenges: Sequence[Path],
    *,
    with_releases: bool = True,
    with_galleries: bool = False,
) -> None:
    """Write the site of some challenges.

    Parameters
    ----------
    out : path
        A folder, new or with other files, which are left alone.
    challenges : sequence of path
        Their folders, of different names.
    with_releases : bool
        Whether `release.zip` comes along, which some hosts find too large.
    with_galleries : bool
        Whether galleries do, which show private images: for when a challenge is over.

    Raises
    ------
    InstaHideError
        When there is no challenge or two of one name; when a challenge has no leaderboard, or
        its release is not as it should be; when galleries stand there that are not asked for;
        within `instahide.placing.keeping`, when other
        content stands in the place of a file. Nothing is written then.
    """
    _check_names(challenges)
    if not with_galleries and any(Path(out).glob("*/galleries/*")):
        raise InstaHideError(
            f"{out} holds galleries of an earlier site, which show private images; remove "
            "them, or give --with-galleries"
        )
    taken = [ChallengeFolder(Path(challenge)) for challenge in challenges]
    for folder in taken:
        _check_release(folder)
    with filled_folder(out) as temporary:
        listed = []
        for folder in taken:
            copied = list(_copy(folder, temporary / folder.path.name, with_releases))
            galleries = _copy_galleries(folder, temporary) if with_galleries else {}
            listed.append(_listed(folder, copied, galleries))
        (temporary / ".nojekyll").touch()
        (temporary / "index.html").write_text(_overview(listed), encoding="utf-8")
        made = _open_to_all(temporary)
    for name in made:  # where the folder was there, the umask has had its say
        (Path(out) / name).chmod(FOLDER_MODE)


def _check_names(challenges: Sequence[Path]) -> None:
    names = [Path(challenge).name for challenge in challenges]
    if not names:
        raise InstaHideError("no challenge was named: a site shows one at least")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InstaHideError(
            f"two challenges are called {sorted(twice)[0]}; rename the folder of one of them"
        )
    if "index.html" in names or ".nojekyll" in names or "" in names:
        raise InstaHideError(
            "a challenge has the name of a file of the site; rename its folder"
        )


def _check_release(folder: ChallengeFolder) -> None:
    """Refuse a challenge that cannot be shown, or whose release holds what it must not."""
    manifest = load_manifest(folder)
    if not (folder.path / "leaderboard.html").is_file():
        raise InstaHideError(
            f"{folder.path} has no leaderboard.html; make it with snakemake, or with "
            f"instahide leaderboard RECORDS --challenge {folder.path} --out {folder.path}"
        )
    for path in (folder.release, folder.participants):
        if not path.is_file():
            raise InstaHideError(
                f"{folder.path} has no {path.name}; run instahide release {folder.path}"
            )
    verdict = compare_release(folder, released(manifest))
    if verdict != IDENTICAL:
        raise InstaHideError(
            f"{folder.release} {verdict}; make it again with instahide release {folder.path}"
        )


def _copy(folder: ChallengeFolder, out: Path, with_releases: bool) -> Iterator[tuple[str, str]]:
    """Copy what is public of a challenge; yield names, and what the overview calls them."""
    out.mkdir()
    for name in SITE_PAGES:
        page = (folder.path / name).read_text(encoding="utf-8")
        (out / name).write_text(with_links(page, name, folder.path.name), encoding="utf-8")
    for name in [*SITE_FILES, *SITE_TABLE]:
        if (folder.path / name).is_file() and (with_releases or name != "release.zip"):
            shutil.copyfile(folder.path / name, out / name)
    for name, words in (SITE_PAGES | SITE_TABLE | SITE_FILES).items():
        if (out / name).exists():
            yield name, words


def with_links(page: str, name: str, challenge: str) -> str:
    """Return one of our pages with a line on top that leads to the others of the site.

    Parameters
    ----------
    page : str
        HTML.
    name : str
        Its own name, which is no link then.
    challenge : str
        What it is of.
    """
    links = [f'<a href="../index.html">{escape(SITE_TITLE)}</a>', f"<b>{escape(challenge)}</b>"]
    links += [
        escape(words) if other == name else f'<a href="{quote(other)}">{escape(words)}</a>'
        for other, words in SITE_PAGES.items()
    ]
    return page.replace(BODY, f'{BODY}<nav class="nav">{" · ".join(links)}</nav>\n', 1)


def _copy_galleries(folder: ChallengeFolder, out: Path) -> dict[str, str]:
    """Copy the galleries of a challenge; return addresses by attack."""
    found = {}
    for path in sorted(folder.path.glob("attacks/*/gallery.png")):
        attack = path.parent.name
        place = out / folder.path.name / "galleries" / f"{attack}.png"
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, place)
        found[attack] = _address(folder.path.name, "galleries", place.name)
    return found


def _listed(
    folder: ChallengeFolder, copied: Sequence[tuple[str, str]], galleries: dict[str, str]
) -> Listed:
    """Return what the overview tells, with links to what the site holds and to nothing else."""
    name, attacks = folder.path.name, sorted(folder.path.glob("attacks/*/record.json"))
    listed = list_challenge(folder.path.parent, name, [path.parent.name for path in attacks])
    best = tuple(replace(one, gallery=galleries.get(one.attack, "")) for one in listed.best)
    links = {words: _address(name, file) for file, words in copied}
    return replace(listed, best=best, links=links)


def _overview(listed: Sequence[Listed]) -> str:
    return render(
        "overview.html.j2",
        title=SITE_TITLE,
        explanation=SITE_EXPLANATION,
        hint=MORE_TO_THE_SIDE,
        nobody="no attack yet, baselines only",
        only_sweeps="",
        challenges=listed,
        sweeps=[],
    )


def _address(*parts: str) -> str:
    return "/".join(map(quote, parts))


def _open_to_all(folder: Path) -> list[Path]:
    """Let everybody read a folder and all below it; return its folders, relative to it."""
    folder.chmod(FOLDER_MODE)
    found = []
    for path in sorted(folder.rglob("*")):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
        found += [path.relative_to(folder)] if path.is_dir() else []
    return found
