"""Sweeps of a configuration, expanded into ordinary challenges, private sets and trainings.

Each point is a challenge, or a training with the challenge that it records, under a name of
its content (`instahide.sweeps.naming`). What is made here is checked as what users write
(`instahide.config`), in whose name a mistake is reported.

Nothing heavier than NumPy is imported: it runs whenever the workflow is parsed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from instahide.attacks.catalogue import TAKEN, attack_of
from instahide.attacks.recipe import Attack
from instahide.encodings.choice import INSTAHIDE
from instahide.errors import InstaHideError
from instahide.schema import suggest
from instahide.sweeps.grid import ELSEWHERE, SEED_AXIS, GridPoint, grid_points
from instahide.sweeps.naming import (
    FOLDER,
    challenge_label,
    content_of,
    name_of,
    training_label,
)
from instahide.sweeps.suiting import attack_suits, mixes_public
from instahide.training.configured import challenge_of_training, training_of
from instahide.training.recipe import UNENCRYPTED

#: Fills in the defaults of an entry of the configuration and checks it: called with the kind,
#: where it stands, and the entry.
Fill = Callable[[str, str, dict[str, Any]], dict[str, Any]]
POOLS = ("public", "public_sample")
#: Keys of InstaHide's that a base may have for the points that are made by it.
ONLY_INSTAHIDE = (
    "scheme", "k", "c1", "c2", "rows_per_image", "generator", "public_use", "augmentation",
    "treatment",
)  # fmt: skip
#: Keys of a point that its private set has.
ONLY_PRIVATE = ("images", "size")
#: Keys of a base that points without public images, and on plain images, do without.
ONLY_MIXED = ("public", "pool_known")
ONLY_ENCRYPTED = (*ONLY_MIXED, "public_sample", "record")


@dataclass
class Expanded:
    """What the sweeps of a configuration add to it.

    Attributes
    ----------
    public, private, challenges, training : dict
        Entries, as a configuration has them.
    points : dict of list
        By sweep, its points in their order: ``challenge`` and ``training``, names or None;
        ``seed``; ``attacks``, those that suit it; ``pool`` and ``pool_known``.
    where : dict of str
        What messages call the entries of challenges and trainings, by name.
    """

    public: dict[str, Any] = field(default_factory=dict)
    private: dict[str, Any] = field(default_factory=dict)
    challenges: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    points: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ground:
    """What points are made from: a checked configuration, defaults, and what is made so far."""

    config: Mapping[str, Any]
    fill: Fill
    made: Expanded


def expand_sweeps(config: Mapping[str, Any], fill: Fill, keys: Mapping[str, Any]) -> Expanded:
    """Expand all sweeps of a configuration whose other entries are checked.

    Parameters
    ----------
    config : mapping
        Its defaults filled in.
    fill : callable
        See `Fill`; kinds are ``challenges``, ``training``, ``private`` and ``image``.
    keys : mapping
        The keys that ``challenges`` and ``training`` know.

    Raises
    ------
    InstaHideError
        Names the sweep and, where there is one, the point.
    """
    ground = Ground(config, fill, Expanded())
    for name, sweep in config["sweeps"].items():
        points = _expand_sweep(f"{FOLDER}/{name}", sweep, ground, keys)
        ground.made.points[name] = points
    return ground.made


def _expand_sweep(
    where: str, sweep: Mapping[str, Any], ground: Ground, keys: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Add one sweep to what is made; return its points, equal ones once."""
    if ("base" in sweep) == ("training" in sweep):
        raise InstaHideError(
            f"{where}: write either 'base', keys of a challenge, or 'training', keys of a "
            "training"
        )
    trained = "training" in sweep
    known = {*keys["training" if trained else "challenges"], SEED_AXIS} - ELSEWHERE.keys()
    known |= set() if trained else set(ONLY_PRIVATE)
    base = sweep["training" if trained else "base"]
    add = _add_training if trained else _add_challenge
    attacks = _attacks(where, sweep["attacks"], ground.config["attacks"])
    found = {}
    for point in grid_points(where, base, sweep["grid"], sweep["skip"], known):
        if type(point.seed) is not int:
            raise InstaHideError(
                f"{point.where}: seeds of a sweep are integers, so that it can be repeated"
            )
        entry = add(point, attacks, ground)
        found[entry["challenge"] or entry["training"]] = entry
    return list(found.values())


def check_attacks_suit(sweeps: Mapping[str, Any]) -> None:
    """Refuse an attack that suits no point of its sweep.

    It comes last: an attack on a point that cannot be made has no chance to suit it.

    Parameters
    ----------
    sweeps : mapping
        As in the configuration, each with its ``points``.

    Raises
    ------
    InstaHideError
    """
    for name, sweep in sweeps.items():
        used = {attack for point in sweep["points"] for attack in point["attacks"]}
        for attack in sweep["attacks"]:
            if attack not in used:
                raise InstaHideError(
                    f"{FOLDER}/{name}/attacks: {attack!r} suits none of the sweep's points: "
                    "remove it"
                )


def _attacks(
    where: str, names: Iterable[str], configured: Mapping[str, Any]
) -> dict[str, Attack]:
    """Look attacks up by name."""
    known = [*TAKEN, *configured]
    for name in names:
        if name not in known:
            raise InstaHideError(
                f"{where}/attacks: {name!r} is neither built in nor among the keys of "
                f"'attacks'{suggest(name, known)}"
            )
    return {name: attack_of(name, configured) for name in names}


def _add_challenge(
    point: GridPoint, attacks: Mapping[str, Attack], ground: Ground
) -> dict[str, Any]:
    """Add the challenge of a point, with its private set and pools; return the point."""
    wanted = _settings(point)
    own = {key: wanted.pop(key) for key in ONLY_PRIVATE if key in wanted}
    given = ground.fill("challenges", point.where, wanted | _seeded(point, "seed"))
    _check_names(point.where, given, ground.config)
    given = _without_pool(given)
    private = _private_set(point, given["private"], own, ground)
    size = private.get("size")
    image = ground.config["image"] | ({"size": size} if size else {})
    given |= _resized(given, size, ground) if size else {}
    label = f"n{private['images']}-s{point.seed}" + (f"-{size}px" if size else "")
    given["private"] = name_of(label, [content_of(private), image])
    ground.made.private[given["private"]] = private
    content = [content_of(given), content_of(private), _pools(given, ground), image]
    name = name_of(challenge_label(given, private["images"], size), content)
    chosen = [attack for attack, found in attacks.items() if attack_suits(found, given)]
    _keep(ground.made.challenges, name, given, chosen)
    ground.made.where[name] = point.where
    return _told(point, given, chosen, challenge=name, training=None)


def _add_training(
    point: GridPoint, attacks: Mapping[str, Attack], ground: Ground
) -> dict[str, Any]:
    """Add the training of a point; return the point."""
    seeded = {"seeds": [point.seed]} | _seeded(point, "key")
    given = _without_pool(ground.fill("training", point.where, _settings(point) | seeded))
    if given["record"] and given["encoding"] == UNENCRYPTED:
        raise InstaHideError(
            f"{point.where}/record: there are no encryptions to record, as the encoding is "
            "'none'"
        )
    try:
        epochs = training_of(given).schedule.epochs
    except InstaHideError as error:
        raise InstaHideError(f"{point.where}: {error}") from None
    data = content_of(ground.config["data"].get(given["data"], {}))
    content = [content_of(given), data, _pools(given, ground), ground.config["image"]]
    name = name_of(training_label(given, epochs, point.seed), content)
    chosen, seen = [], None
    if given["record"]:
        seen, challenge = f"training/{name}/seen", challenge_of_training(given)
        chosen = [attack for attack in attacks if attack_suits(attacks[attack], challenge)]
    _keep(ground.made.training, name, given, chosen)
    ground.made.where[name] = point.where
    return _told(point, given, chosen, challenge=seen, training=name)


def _seeded(point: GridPoint, key: str) -> dict[str, Any]:
    """Return what all points have besides their settings."""
    return {key: point.seed, "attacks": []}


def _keep(
    entries: dict[str, Any], name: str, given: dict[str, Any], attacks: list[str]
) -> None:
    """Keep an entry, with the attacks of all sweeps that have it."""
    before = entries.get(name, {}).get("attacks", [])
    entries[name] = given | {"attacks": list(dict.fromkeys([*before, *attacks]))}


def _told(
    point: GridPoint, given: Mapping[str, Any], attacks: list[str], **names: str | None
) -> dict[str, Any]:
    """Return a point as `Expanded.points` has it."""
    pool = {"pool": given.get("public"), "pool_known": given.get("pool_known", 1)}
    return {**names, "seed": point.seed, "attacks": attacks, **pool}


def _settings(point: GridPoint) -> dict[str, Any]:
    """Return a point's keys, but those of its base that its encoding does without.

    A value of null leaves a key out.
    """
    settings = {key: value for key, value in point.settings.items() if value is not None}
    encoding = settings.get("encoding", INSTAHIDE)
    idle: tuple[str, ...] = ()
    if isinstance(encoding, str) and encoding != INSTAHIDE:
        idle = ONLY_INSTAHIDE + (ONLY_ENCRYPTED if encoding == UNENCRYPTED else ())
    return {
        key: value for key, value in settings.items() if key not in idle or key in point.axes
    }


def _without_pool(given: dict[str, Any]) -> dict[str, Any]:
    """Leave the pool out where none is mixed, so that it makes no other name."""
    idle = () if mixes_public(given) else ONLY_MIXED
    return {key: value for key, value in given.items() if key not in idle}


def _private_set(
    point: GridPoint, name: str, own: Mapping[str, Any], ground: Ground
) -> dict[str, Any]:
    """Return the private set of a point: of the source of that of a name."""
    image, given = ground.config["image"], ground.config["private"][name]
    private = {"source": given["source"], "images": own.get("images", given["images"])}
    private = ground.fill("private", point.where, private | {"seed": point.seed})
    private["source_of"] = name  # whose download it is
    size = ground.fill("image", point.where, image | {"size": own.get("size", image["size"])})
    return private | ({} if size == image else {"size": size["size"]})


def _pools(given: Mapping[str, Any], ground: Ground) -> list[dict[str, Any] | None]:
    """Return what makes the pools of a challenge or training."""
    known = {**ground.config["public"], **ground.made.public}
    return [content_of(known.get(given[key], {})) if key in given else None for key in POOLS]


def _resized(given: Mapping[str, Any], size: int, ground: Ground) -> dict[str, str]:
    """Return the names of a challenge's pools at another size; they share their crops."""
    renamed = {}
    for key in POOLS:
        if key in given:
            renamed[key] = f"{FOLDER}/{given[key]}-{size}px"
            pool = ground.config["public"][given[key]] | {"size": size}
            ground.made.public[renamed[key]] = pool | {"crops_of": given[key]}
    return renamed


def _check_names(where: str, given: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse the names of a private set and pools that are not there."""
    for key, kind in {"private": "private", **dict.fromkeys(POOLS, "public")}.items():
        if key in given and given[key] not in config[kind]:
            raise InstaHideError(
                f"{where}/{key} names {given[key]!r}, which is not among the keys of "
                f"{kind!r}{suggest(given[key], list(config[kind]))}"
            )
