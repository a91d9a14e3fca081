"""Which configurations made what, for those that use the same names for different things.

A record beside the results holds, for each pool, private set, challenge and training, a
digest of the settings that it was last made with, and the files of the configurations that
had them. It decides nothing, for what runs again is Snakemake's business: with it the
workflow can say that another configuration's work is about to be replaced.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from instahide.files import save_json

Configuration = tuple[str, ...]  # the paths of its files

# In a folder of its own, for its owner only: settings hold seeds, and short ones are
# guessed from a digest.
RECORD = Path("results/.configurations/record.json")
#: Keys of a challenge that say what is done with it, not what it is.
LATER = {"attacks", "public_sample", "pool_known", "reported", "intake", "licence"}


@dataclass(frozen=True)
class Made:
    """What is known of a pool, private set or challenge.

    Attributes
    ----------
    settings : str
        SHA-256 of its settings, in hexadecimal digits.
    by : tuple of Configuration
        The configurations that made it with these settings.
    """

    settings: str
    by: tuple[Configuration, ...]


def things(config: dict) -> dict[str, str]:
    """Return what a checked configuration makes: folders, and a digest of their settings."""
    found = {
        f"results/{kind}/{name}": _digest([config["image"], given])
        for kind in ("public", "private", "data")
        for name, given in config[kind].items()
    }
    for name, given in config["training"].items():
        own = {key: value for key, value in given.items() if key not in LATER | {"seeds"}}
        made_from = [found[place] for place in sources_of_training(given)]
        found[f"results/training/{name}"] = _digest([own, *made_from])
    for name, given in config["challenges"].items():
        own = {key: value for key, value in given.items() if key not in LATER}
        found[f"results/{name}"] = _digest([own, *(found[place] for place in sources(given))])
    audits = {
        f"results/audits/{name}": _digest(given) for name, given in config["audits"].items()
    }
    return found | audits


def sources(challenge: dict) -> Iterator[str]:
    """Yield the folders of a challenge's private set and, if there is one, its pool."""
    yield f"results/private/{challenge['private']}"
    if "public" in challenge:
        yield f"results/public/{challenge['public']}"


def sources_of_training(training: dict) -> Iterator[str]:
    """Yield the folders of a training's data and, if there is one, its pool."""
    yield f"results/data/{training['data']}"
    if "public" in training:
        yield f"results/public/{training['public']}"


def replaced(
    wanted: Mapping[str, str], own: Configuration, record: Mapping[str, Made]
) -> dict[str, Configuration]:
    """Return what stands there by another configuration, with other settings than `wanted`.

    A configuration whose files are gone was renamed or given up, and nobody misses its work.

    Returns
    -------
    dict
        Folders, with one configuration that made each.
    """
    found = {}
    for place, settings in wanted.items():
        made = record.get(place)
        if made and made.settings != settings and Path(place).is_dir():
            for other in made.by:
                if other != own and all(Path(file).is_file() for file in other):
                    found[place] = other
    return found


def warning(place: str, other: Configuration, own: Configuration) -> str:
    """Say in a sentence what is about to be replaced, and what to do."""
    text = (
        f"Warning: {place} was made by {' and '.join(other)}, and {' and '.join(own)} has "
        "other settings for it: making it again replaces it"
    )
    if Path(place, "release.zip").is_file():
        text += ", and a release of it that is published already can never be verified again"
    return f"{text}; give one of the two another name"


def load_made(path: Path = RECORD) -> dict[str, Made]:
    """Read the record; a missing or damaged one is empty."""
    try:
        return {
            place: Made(str(made["settings"]), tuple(tuple(map(str, by)) for by in made["by"]))
            for place, made in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def save_made(wanted: Mapping[str, str], own: Configuration, path: Path = RECORD) -> None:
    """Record that a configuration makes what is wanted.

    Raises
    ------
    InstaHideError
        When it cannot be written.
    """
    before = load_made(path)
    after = dict(before)
    for place, settings in wanted.items():
        made = before.get(place)
        same = made.by if made and made.settings == settings else ()
        after[place] = Made(settings, tuple(sorted({*same, own})))
    if after != before:
        content = {place: asdict(after[place]) for place in sorted(after)}
        path.parent.parent.mkdir(parents=True, exist_ok=True)  # not for its owner only
        save_json(path, content, secret=True)


def _digest(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
