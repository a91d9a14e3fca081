"""The configuration: checked against its schema, defaults filled in, errors made readable.

Nothing heavier than NumPy is imported: it runs whenever the workflow is parsed.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from instahide.attacks.stages import NAMED, STAGES, Stages, module_file
from instahide.challenge.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.randomness import historical

#: Attacks and baselines that are not made of stages.
OTHER_ATTACKS = ("absolute", "mean", "random", "oracle", "prng")


def load_schema(path: Path | str) -> dict:
    """Read a schema written in YAML."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def check_config(config: dict, schema: dict) -> dict:
    """Return a configuration with its defaults filled in.

    Raises
    ------
    InstaHideError
        When a key is unknown or missing, a value is not allowed, or a challenge names a
        pool or private set that is not there; says where and what would do.
    """
    named = config.get("attacks")
    if named is None or isinstance(named, dict):
        config = {**config, "attacks": NAMED | (named or {})}
    filled = fill_defaults(config, schema, schema)
    error = best_match(Draft202012Validator(schema).iter_errors(filled))
    if error is not None:
        raise InstaHideError(f"configuration: {explain(error)}")
    for name, attack in filled["attacks"].items():
        _check_attack(name, attack)
    for name, challenge in filled["challenges"].items():
        _check_attacks(name, challenge, filled["attacks"])
        _check_references(name, challenge, filled)
        _check_scheme(name, challenge)
        _check_generator(name, challenge)
    return filled


def fill_defaults(value: Any, schema: dict, root: dict) -> Any:
    """Return a copy of `value` with the schema's defaults for missing keys."""
    schema = resolve(schema, root)
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    others = schema.get("additionalProperties")
    filled = {
        key: fill_defaults(item, known.get(key, others or {}), root)
        for key, item in value.items()
    }
    for key, part in known.items():
        part = resolve(part, root)
        if key not in filled and "default" in part:
            filled[key] = part["default"]
    return filled


def resolve(schema: Any, root: dict) -> dict:
    """Follow a reference into the schema's own definitions."""
    if isinstance(schema, dict) and "$ref" in schema:
        return root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema if isinstance(schema, dict) else {}


def explain(error: ValidationError) -> str:
    """Say in one sentence which key is wrong and what to do."""
    where = "/".join(map(str, error.absolute_path)) or "the top level"
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [key for key in error.instance if key not in known]
        return "; ".join(
            f"unknown key {key!r} in {where}{_suggest(key, known)}" for key in unknown
        )
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{where} lacks {', '.join(missing)}"
    if error.validator == "oneOf":
        return f"{where}: {error.instance!r} is not allowed; {_described(error)}"
    return f"{where}: {error.message}{_described(error, '; ')}"


def table(schema: dict) -> str:
    """Return a Markdown table of every key, for the README."""
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, part in _keys(schema, schema, ""):
        default = _as_yaml(part["default"]) if "default" in part else ""
        rows.append(f"| `{key}` | {default} | {part.get('description', '')} |")
    return "\n".join(rows) + "\n"


def insert_table(text: str, rows: str) -> str:
    """Return a text with the table between its two marks replaced.

    Raises
    ------
    InstaHideError
        When the text lacks a mark.
    """
    before, start, rest = text.partition("<!-- keys -->\n")
    _, end, after = rest.partition("<!-- /keys -->")
    if not end:
        raise InstaHideError("the text lacks the marks <!-- keys --> and <!-- /keys -->")
    return before + start + rows + end + after


def _keys(schema: dict, root: dict, prefix: str) -> Iterator[tuple[str, dict]]:
    """Yield all keys of a schema, `*` standing for a name that users choose."""
    schema = resolve(schema, root)
    for key, part in schema.get("properties", {}).items():
        yield prefix + key, resolve(part, root)
        yield from _keys(part, root, f"{prefix}{key}.")
    named = schema.get("additionalProperties")
    if isinstance(named, dict):
        yield from _keys(named, root, f"{prefix}*.")


def _check_references(name: str, challenge: dict, config: dict) -> None:
    """Check that a challenge's pool and private set are configured."""
    inside = "inside" in challenge["scheme"]
    if inside == ("public" in challenge):
        what = "mixes no public images: remove" if inside else "mixes public images: it needs"
        raise InstaHideError(f"configuration: challenges/{name} {what} the key 'public'")
    kinds = {"private": "private", "public": "public", "public_sample": "public"}
    for key, kind in kinds.items():
        wanted = challenge.get(key)
        if wanted is not None and wanted not in config[kind]:
            raise InstaHideError(
                f"configuration: challenges/{name}/{key} names {wanted!r}, which is not among "
                f"the keys of {kind!r}{_suggest(wanted, list(config[kind]))}"
            )


def _check_attack(name: str, attack: dict) -> None:
    """Refuse a name that is taken, and choices of stages that are not there."""
    try:
        if name in OTHER_ATTACKS:
            raise InstaHideError("that name is taken; choose another")
        if "run" in attack:
            module_file(attack["run"])
        else:
            chosen = Stages(**{stage: attack[stage] for stage in STAGES})
            for stage in STAGES:
                chosen.choice(stage).file()
    except InstaHideError as error:
        raise InstaHideError(f"configuration: attacks/{name}: {error}") from None


def _check_attacks(name: str, challenge: dict, attacks: dict) -> None:
    """Check that a challenge's attacks are known and can be run on it."""
    known = [*OTHER_ATTACKS, *attacks]
    for attack in challenge["attacks"]:
        where = f"configuration: challenges/{name}: the attack {attack!r}"
        if attack not in known:
            raise InstaHideError(
                f"{where} is neither built in nor among the keys of 'attacks'"
                f"{_suggest(attack, known)}"
            )
        if attack not in attacks:
            continue
        public = attacks[attack]["public"]
        if public == "pool" and "public" not in challenge:
            raise InstaHideError(f"{where} knows the pool, and this challenge has none")
        staged = "run" not in attacks[attack]
        if staged and public == "sample" and "public_sample" not in challenge:
            raise InstaHideError(
                f"{where} learns from other public photos: name a pool of them as "
                "'public_sample'"
            )


def _check_scheme(name: str, challenge: dict) -> None:
    """Refuse impossible bounds before any work is done."""
    try:
        Scheme(
            challenge["scheme"],
            *(challenge[key] for key in ("k", "c1", "c2", "rows_per_image")),
        )
    except InstaHideError as error:
        raise InstaHideError(f"configuration: challenges/{name}: {error}") from None


def _check_generator(name: str, challenge: dict) -> None:
    """Refuse what the generator of 2020 cannot make, and its attack on another."""
    if challenge["generator"] != historical.NAME:
        if "prng" in challenge["attacks"]:
            raise InstaHideError(
                f"configuration: challenges/{name}: the attack 'prng' finds seeds of "
                f"{historical.NAME}; remove it, for {challenge['generator']} has no such seeds"
            )
        return
    try:
        historical.check_scheme(challenge["scheme"])
        if challenge["seed"] != "os":
            historical.check_seed(challenge["seed"])
    except InstaHideError as error:
        raise InstaHideError(f"configuration: challenges/{name}: {error}") from None


def _suggest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def _described(error: ValidationError, before: str = "") -> str:
    text = error.schema.get("description", "")
    return f"{before}{text.rstrip('.')}" if text else ""


def _as_yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True)
    return f"`{text.strip().removesuffix('...').strip()}`"
