"""Make a whole challenge in one call."""

from collections.abc import Callable, Iterable
from pathlib import Path

from instahide.challenge.encryption import save_encryption
from instahide.challenge.folder import ChallengeFolder, load_seed, save_release, save_seed
from instahide.challenge.label import save_label
from instahide.challenge.manifest import load_manifest, released, save_manifest
from instahide.challenge.private import load_selection, save_private
from instahide.challenge.sources import Sources, load_sources
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.plan import save_plan
from instahide.errors import InstaHideError
from instahide.files import close_folder, filled_folder
from instahide.placing import refuse_existing
from instahide.randomness.keystream import Key


def make_challenge(
    path: Path | str,
    private: Path | str,
    pool: Path | str | None,
    key: Key,
    chosen: EncodingChoice,
    *,
    threads: int = 1,
    accompany: Callable[[ChallengeFolder], Iterable[str]] = lambda folder: (),
) -> ChallengeFolder:
    """Make a challenge from the files of its sources: the workflow's stages, one by one.

    Parameters
    ----------
    path : path
        The folder to make.
    private, pool : path
        A private set, and a pool (None where no public images are mixed in).
    chosen : EncodingChoice
        Such as `instahide.encodings.choice.of_scheme` returns.
    accompany : callable, optional
        Writes what else is to be released into the folder, and returns the files' names,
        which are of `instahide.challenge.folder.COMPANIONS`.

    Raises
    ------
    InstaHideError
        When the sources do not fit each other or the encoding, or another challenge, whose
        seed would be lost, is in the folder; within `instahide.placing.keeping`, also when
        anything else is there, or the same seed made other files.
    """
    folder = ChallengeFolder(Path(path))
    _keep_others(folder, key)
    sources = load_sources(private, pool, key, chosen)
    with filled_folder(folder.path) as temporary:
        made = ChallengeFolder(temporary)
        save_private(made.private, sources.private, load_selection(private))
        _save_files(made, sources, threads)
        save_release(made, [*released(load_manifest(made)), *accompany(made)])
    close_folder(folder.seed.parent)  # it may have been there
    return folder


def _save_files(folder: ChallengeFolder, sources: Sources, threads: int) -> None:
    """Write all files of a challenge but its private set."""
    plan = sources.plan()
    save_seed(folder.seed, sources.key)
    save_plan(folder.truth, plan)
    for name in sources.encoding.arrays:
        save_encryption(folder.array(name), sources, plan, name=name, threads=threads)
    save_label(folder.label, plan, sources.private)
    save_manifest(folder, sources)


def _keep_others(folder: ChallengeFolder, key: Key) -> None:
    """Refuse to overwrite a challenge of another seed, or to mix with others' files."""
    if not folder.seed.exists():
        refuse_existing(folder.path)
    elif load_seed(folder.seed) != key:
        raise InstaHideError(
            f"{folder.path} holds a challenge with another seed: name another folder, or move "
            "that one away"
        )
