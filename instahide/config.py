"""The configuration: checked against its schema, defaults filled in, errors made readable.

Nothing heavier than NumPy is imported: it runs whenever the workflow is parsed.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import yaml

from instahide.attacks.catalogue import NAMED, STAGES, TAKEN, attack_of
from instahide.attacks.recipe import BASELINES_OF_ALL
from instahide.auditing.configured import settings_of
from instahide.choice import choose
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.catalogue import ENCODINGS, choose_encoding
from instahide.encodings.choice import (
    INSTAHIDE,
    TAKEN_NAMES,
    EncodingChoice,
    of_scheme,
)
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.treatment import read_treatments
from instahide.errors import InstaHideError
from instahide.lookup import check_choice
from instahide.photos.part import read_part
from instahide.randomness import historical
from instahide.schema import (
    check_schema,
    check_values,
    fill_defaults,
    in_yaml,
    resolve,
    suggest,
)
from instahide.sweeps.expansion import Fill, check_attacks_suit, expand_sweeps
from instahide.training.configured import (
    challenge_of_training,
    recorded_challenges,
    training_of,
)
from instahide.training.recipe import UNENCRYPTED

#: Keys of a challenge that are InstaHide's.
INSTAHIDE_KEYS = (
    "scheme",
    "k",
    "c1",
    "c2",
    "rows_per_image",
    "generator",
    "public_use",
    "augmentation",
    "treatment",
)
#: Sections that make something by themselves; a configuration has one of them.
MAKING = ("challenges", "training", "sweeps", "audits")
LONGEST_NAME = 255  # bytes of one part of a path
LONGEST_OWN_NAME = 200  # of those that we write, which have hidden names at first


def check_config(config: dict, schema: dict) -> dict:
    """Return a configuration with its defaults filled in.

    Raises
    ------
    InstaHideError
        When a key is unknown or missing, a value is not allowed, or a challenge names a
        pool or private set that is not there; says where and what would do.
    """
    try:
        filled = _filled(config, schema)
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {error}") from None
    _check_sources_and_attacks(filled)
    if not any(filled[kind] for kind in MAKING):
        raise InstaHideError(
            "configuration: it has neither challenges nor training, and no sweeps or audits: "
            "add one"
        )
    _check_audits(filled["audits"])
    filled, where = _with_sweeps(filled, schema)
    for name, challenge in filled["challenges"].items():
        _check_challenge(where.get(name, f"challenges/{name}"), challenge, filled)
    filled |= _checked_trainings(filled, where)
    try:
        check_attacks_suit(filled["sweeps"])
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {error}") from None
    return filled


def _filled(config: dict, schema: dict) -> dict:
    """Return a configuration with its defaults, checked against the schema."""
    check_values(config)
    if config.keys() == {"audits"}:  # whose images have sizes of their own
        config = {"image": {}, **config}
    named = config.get("attacks")
    if named is None or isinstance(named, dict):
        config = {**config, "attacks": NAMED | (named or {})}
    filled = fill_defaults(with_other_encodings(config), schema, schema)
    check_schema(filled, schema)
    return filled


def _check_sources_and_attacks(config: dict) -> None:
    """Check what challenges and trainings are made from, and the attacks."""
    for kind in ("public", "private"):
        for name, given in config[kind].items():
            _check_source(f"{kind}/{name}/source", given["source"])
    for name, pool in config["public"].items():
        _check_part(name, pool)
        _check_crops(name, pool)
    for name, attack in config["attacks"].items():
        _check_length(f"attacks/{name}", map(attack.get, STAGES), LONGEST_OWN_NAME)
        _check_attack(name, attack)
    _check_beginnings(config["attacks"])


def _with_sweeps(config: dict, schema: dict) -> tuple[dict, dict[str, str]]:
    """Return a configuration with what its sweeps expand to, and what to call that."""
    kinds = ("public", "private", "challenges", "training")
    keys = {kind: schema["properties"][kind]["additionalProperties"] for kind in kinds[2:]}
    keys = {kind: part["properties"] for kind, part in keys.items()}
    try:
        made = expand_sweeps(config, _filler(schema), keys)
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {error}") from None
    sweeps = {
        name: sweep | {"points": made.points[name]} for name, sweep in config["sweeps"].items()
    }
    more = {kind: config[kind] | getattr(made, kind) for kind in kinds}
    return config | more | {"sweeps": sweeps}, made.where


def _filler(schema: dict) -> Fill:
    """Return what fills in the defaults of one entry, and checks it."""

    def fill(kind: str, where: str, given: dict[str, Any]) -> dict[str, Any]:
        part = resolve(schema["properties"][kind], schema)
        named = part["additionalProperties"]
        part = named if isinstance(named, dict) else part
        filled = fill_defaults(_suited(where, given), part, schema)
        try:
            check_schema(filled, part | {"$defs": schema["$defs"]})
        except InstaHideError as error:
            raise InstaHideError(f"{where}: {error}") from None
        return filled

    return fill


def _check_challenge(where: str, challenge: dict, config: dict) -> None:
    """Check that what a challenge names is there, and that its encoding can be made."""
    _check_attacks(where, challenge, config["attacks"])
    _check_references(where, challenge, config)
    images = config["private"][challenge["private"]]["images"]
    _check_encoding(where, challenge, images)
    size = config["private"][challenge["private"]].get("size", config["image"]["size"])
    _check_augmentation(where, challenge, size)
    _check_treatment(where, challenge)


def _check_audits(audits: dict) -> None:
    """Refuse audits of encryptions that no attack is on."""
    for name, given in audits.items():
        try:
            settings_of(given)
        except InstaHideError as error:
            raise InstaHideError(f"configuration: audits/{name}: {error}") from None


def _checked_trainings(config: dict, named: Mapping[str, str]) -> dict:
    """Check the trainings; return private sets and challenges with those they record."""
    for name, data in config["data"].items():
        _check_source(f"data/{name}/source", data["source"])
    for name, given in config["training"].items():
        where = named.get(name, f"training/{name}")
        if given["data"] not in config["data"]:
            raise InstaHideError(
                f"configuration: {where}/data names {given['data']!r}, which is not among the "
                f"keys of 'data'{suggest(given['data'], list(config['data']))}"
            )
        try:
            check_choice(training_of(given).network)
        except InstaHideError as error:
            raise InstaHideError(f"configuration: {where}: {error}") from None
        _check_counts(where, given, config["data"][given["data"]])
        images = given["record"] or given["schedule"].get("batch", 2 * given["k"])
        checked = challenge_of_training(given) | {"private": name}
        if given["encoding"] != UNENCRYPTED:
            known = config | {"private": {name: {"images": images}}}
            _check_challenge(where, checked, known)
    try:
        private, challenges = recorded_challenges(config["training"])
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {error}") from None
    return {
        "private": config["private"] | private,
        "challenges": config["challenges"] | challenges,
    }


def _check_counts(where: str, given: dict, data: dict) -> None:
    """Refuse more recorded images, or larger batches, than there are images to train on."""
    trained = data.get("train")
    batch = training_of(given).schedule.batch
    for name, wanted in (("record", given["record"]), ("schedule/batch", batch)):
        if trained is not None and wanted > trained:
            raise InstaHideError(
                f"configuration: {where}/{name}: {wanted} of {trained} images that train: "
                "use fewer, or more images"
            )


def with_other_encodings(config: dict) -> dict:
    """Give challenges and trainings of other encodings the defaults that suit them.

    Raises
    ------
    InstaHideError
        When one of them has keys of InstaHide's.
    """
    suited = dict(config)
    for kind in ("challenges", "training"):
        if isinstance(config.get(kind), dict):  # else the schema's check tells
            named = config[kind].items()
            suited[kind] = {name: _suited(f"{kind}/{name}", given) for name, given in named}
    return suited


def _suited(where: str, given: Any) -> Any:
    chosen = given.get("encoding", INSTAHIDE) if isinstance(given, dict) else INSTAHIDE
    if not isinstance(chosen, str) or chosen == INSTAHIDE:
        return given
    own = [key for key in INSTAHIDE_KEYS if key in given]
    if own and chosen == UNENCRYPTED:
        raise InstaHideError(
            f"{where}/{own[0]} is a key of InstaHide, and the encoding is 'none': remove it"
        )
    if own:
        raise InstaHideError(
            f"{where}/{own[0]} is a key of InstaHide, and the encoding is "
            f"{in_yaml(chosen)}: write its options behind its name, as in "
            f"'{chosen.partition(',')[0]},rows_per_image=10'"
        )
    return {"attacks": list(BASELINES_OF_ALL), **given}


def encoding_of(challenge: Mapping[str, Any]) -> EncodingChoice:
    """Return the encoding of a challenge of a checked configuration.

    Raises
    ------
    InstaHideError
        When its text chooses nothing.
    """
    if challenge["encoding"] != INSTAHIDE:
        return choose_encoding(challenge["encoding"])
    scheme = {key: challenge[key] for key in ("k", "c1", "c2", "rows_per_image")}
    fresh = challenge["generator"] == historical.NAME
    return of_scheme(
        {"name": challenge["scheme"], **scheme},
        challenge["generator"],
        challenge["public_use"] if fresh else None,
        challenge.get("augmentation"),
        challenge.get("treatment"),
    )


def check_duplicates(path: Path | str) -> None:
    """Refuse a file that says a key twice, of which YAML silently takes the last.

    Raises
    ------
    InstaHideError
        Names file, line and key. What is no YAML at all is left to those who read it.
    """
    try:
        top = yaml.compose(Path(path).read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, OSError, ValueError, RecursionError):
        return
    for mapping in _mappings(top):
        keys = set()
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in keys:
                raise InstaHideError(
                    f"configuration: {path}, line {key.start_mark.line + 1}: the key "
                    f"{in_yaml(key.value)} stands there a second time, and would silently "
                    "replace the first: keep one"
                )
            keys.add((key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None)


def _mappings(top: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Yield the mappings of a document once each, however often aliases repeat them."""
    open_, seen = [top], set()
    while open_:
        node = open_.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            open_.extend(value for _, value in node.value)
        else:
            open_.extend(node.value)


def _check_source(where: str, source: dict) -> None:
    """Refuse a path or an address that no file can have."""
    path, longest = source.get("path") or source.get("url_list") or "", LONGEST_NAME
    if "url" in source:
        path, longest = _last_part(where, source["url"]), LONGEST_OWN_NAME
    if "{" in path or "}" in path:
        raise InstaHideError(
            f"configuration: {where}: {in_yaml(path)} holds braces, which mean something else "
            "to Snakemake; rename it"
        )
    _check_length(where, PurePosixPath(path).parts, longest)


def _last_part(where: str, url: str) -> str:
    """Return the name that what an address leads to will have."""
    try:
        name = PurePosixPath(urlsplit(url).path).name
    except ValueError as error:
        raise InstaHideError(f"configuration: {where}: {in_yaml(url)}: {error}") from None
    if not name:
        raise InstaHideError(
            f"configuration: {where}: {in_yaml(url)} does not end in the name of a file"
        )
    return name


def _check_length(where: str, names: Iterable[str], longest: int) -> None:
    for name in names:
        if len(name.encode()) > longest:
            raise InstaHideError(
                f"configuration: {where}: {in_yaml(name)} is too long for a name; write "
                f"{longest} bytes at most"
            )


def _check_part(name: str, pool: dict) -> None:
    try:
        read_part(pool.get("part", "1/1"))
    except InstaHideError as error:
        raise InstaHideError(f"configuration: public/{name}/{error}") from None


def _check_crops(name: str, pool: dict) -> None:
    smallest, largest = pool["crop_size"]
    if smallest > largest:
        raise InstaHideError(
            f"configuration: public/{name}/crop_size: {smallest} is larger than {largest}; "
            "write the smaller side first"
        )


def _check_references(where: str, challenge: dict, config: dict) -> None:
    """Check that a challenge's pool and private set are configured."""
    inside = "inside" in challenge["scheme"]
    if challenge["encoding"] == INSTAHIDE and inside == ("public" in challenge):
        what = "mixes no public images: remove" if inside else "mixes public images: it needs"
        raise InstaHideError(f"configuration: {where} {what} the key 'public'")
    kinds = {"private": "private", "public": "public", "public_sample": "public"}
    for key, kind in kinds.items():
        wanted = challenge.get(key)
        if wanted is not None and wanted not in config[kind]:
            raise InstaHideError(
                f"configuration: {where}/{key} names {wanted!r}, which is not among "
                f"the keys of {kind!r}{suggest(wanted, list(config[kind]))}"
            )
    if challenge.get("pool_known", 1) != 1 and "public" not in challenge:
        raise InstaHideError(
            f"configuration: {where}/pool_known: this challenge has no pool: remove it"
        )
    pools = [config["public"].get(challenge.get(key)) for key in ("public", "public_sample")]
    if pools[0] is not None and pools[0] == pools[1]:
        raise InstaHideError(
            f"configuration: {where}/public_sample names the challenge's own pool, "
            "or one with the same settings: name a pool of other photos, or say public: pool "
            "in the attacks that know it"
        )


def _check_attack(name: str, attack: dict) -> None:
    """Refuse a name that is taken, and choices of stages that are not there."""
    try:
        if name in TAKEN:
            raise InstaHideError("that name is taken; choose another")
        if name in NAMED and {"run", "steps"} & attack.keys():
            raise InstaHideError(
                "that is an attack of this project, whose stages can be chosen; give one of "
                "your own another name"
            )
        if {"run", "steps"} <= attack.keys():
            raise InstaHideError("it has both 'run' and 'steps'; a single step is 'run'")
        steps = attack_of(name, {name: attack}).steps
        for step in steps:
            check_choice(step.choice)
        if len({step.product for step in steps}) < len(steps):
            raise InstaHideError("two of its steps leave files of the same name")
    except InstaHideError as error:
        raise InstaHideError(f"configuration: attacks/{name}: {error}") from None


def _check_beginnings(attacks: dict) -> None:
    """Refuse attacks that share a step's folder, and would leave other files there."""
    left = {}
    for name in attacks:
        attack = attack_of(name, attacks)
        for number, step in enumerate(attack.steps[:-1]):
            trail, made = attack.trail(number), (step.product, step.parts)
            other, others = left.setdefault(trail, (name, made))
            if made != others:
                raise InstaHideError(
                    f"configuration: attacks/{name} and attacks/{other} begin alike, and "
                    f"{step.choice.text!r} leaves {made[0]} of {made[1]} parts in one, "
                    f"{others[0]} of {others[1]} in the other: write it alike"
                )


def _check_attacks(where: str, challenge: dict, attacks: dict) -> None:
    """Check that a challenge's attacks are known and can be run on it."""
    known = [*TAKEN, *attacks]
    for attack in challenge["attacks"]:
        this = f"configuration: {where}: the attack {attack!r}"
        if attack not in known:
            raise InstaHideError(
                f"{this} is neither built in nor among the keys of 'attacks'"
                f"{suggest(attack, known)}"
            )
        chosen, made_by = attack_of(attack, attacks), challenge["encoding"].partition(",")[0]
        if not chosen.suits(made_by):
            raise InstaHideError(
                f"{this} is on {' or '.join(chosen.encodings)}, and the encoding is "
                f"{made_by!r}: remove it"
            )
        public = chosen.public
        if public == "pool" and "public" not in challenge:
            raise InstaHideError(f"{this} knows the pool, and this challenge has none")
        if attack not in attacks:
            continue
        staged = not attacks[attack].keys() & {"run", "steps"}
        if staged and public == "sample" and "public_sample" not in challenge:
            raise InstaHideError(
                f"{this} learns from other public photos: name a pool of them as "
                "'public_sample'"
            )


def _check_encoding(where: str, challenge: dict, images: int) -> None:
    """Refuse an encoding that is not there, or cannot be made of so many images."""
    if challenge["encoding"] == INSTAHIDE:
        if challenge["arrays"]:
            raise InstaHideError(
                f"configuration: {where}/arrays: InstaHide releases 'encryption' only"
            )
        _check_scheme(where, challenge, images)
        _check_generator(where, challenge)
        return
    try:
        _check_length("encoding", [challenge["encoding"]], LONGEST_OWN_NAME)
        check_choice(choose("encoding", challenge["encoding"], ENCODINGS))
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {where}: {error}") from None
    taken = set(challenge["arrays"]) & {"encryption", *TAKEN_NAMES}
    if taken:
        raise InstaHideError(
            f"configuration: {where}/arrays: {taken.pop()!r} is there anyway, or "
            "taken: name what is released besides encryption"
        )


def _check_augmentation(where: str, challenge: dict, size: int) -> None:
    """Refuse transforms of nothing, and those that images of this size cannot have."""
    if "augmentation" not in challenge:
        return
    try:
        augmentation = Augmentation.of(challenge["augmentation"])
        augmentation.check_shape((size, size))
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {where}: {error}") from None
    if challenge["generator"] == historical.NAME:
        raise InstaHideError(
            f"configuration: {where}/augmentation: the streams of {historical.NAME} are those "
            "of the challenge of 2020, whose images were mixed as they are: remove it"
        )
    if augmentation.public and "public" not in challenge:
        raise InstaHideError(
            f"configuration: {where}/augmentation/public: this challenge mixes no public "
            "images: remove it"
        )


def _check_treatment(where: str, challenge: dict) -> None:
    """Refuse treatments that are none, and those of rows of the challenge of 2020."""
    if "treatment" not in challenge:
        return
    try:
        treatments = read_treatments(challenge["treatment"])
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {where}: {error}") from None
    if treatments and challenge["generator"] == historical.NAME:
        raise InstaHideError(
            f"configuration: {where}/treatment: the streams of {historical.NAME} are those of "
            "the challenge of 2020, whose rows were released as they were: remove it"
        )


def _check_scheme(where: str, challenge: dict, images: int) -> None:
    """Refuse impossible bounds, and too few private images, before any work is done."""
    try:
        scheme = _scheme(challenge["scheme"], *(challenge[key] for key in ("k", "c1", "c2")))
        scheme.check_images(images, pool=scheme.public_count)  # the pool is not made yet
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {where}: {error}") from None


@lru_cache(maxsize=1000)
def _scheme(name: str, k: int, c1: float, c2: float) -> Scheme:
    """Return a scheme; it draws thousands of coefficients to tell whether it can be met."""
    return Scheme(name, k, c1, c2)


def _check_generator(where: str, challenge: dict) -> None:
    """Refuse what the generator of 2020 cannot make, and its attack on another."""
    if challenge["generator"] != historical.NAME:
        if "prng" in challenge["attacks"]:
            raise InstaHideError(
                f"configuration: {where}: the attack 'prng' finds seeds of "
                f"{historical.NAME}; remove it, for {challenge['generator']} has no such seeds"
            )
        return
    try:
        historical.check_scheme(challenge["scheme"])
        if challenge["seed"] != "os":
            historical.check_seed(challenge["seed"])
    except InstaHideError as error:
        raise InstaHideError(f"configuration: {where}: {error}") from None
