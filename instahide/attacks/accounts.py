"""What a step of an attack tells of itself in a file beside what it leaves.

It holds the steps until then with seconds and memory, and the SHA-256 of a file that the step
wrote itself, such as the weights of a network; ``attack.json`` takes it over.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instahide.attacks.products import writes_itself
from instahide.attacks.recipe import Step
from instahide.errors import InstaHideError
from instahide.files import sha256_of_file
from instahide.smalljson import read_object


def account(product: Path | str) -> Path:
    """Return the file beside a step's product that tells how it came to be."""
    path = Path(product)
    return path.with_name(f"{path.name}.json")


def steps_until(before: Sequence[Path | str]) -> list[dict[str, Any]]:
    """Return what is known of the steps that led to the files of one, its parts joined.

    Raises
    ------
    InstaHideError
        When the file beside one is missing or damaged.
    """
    accounts = [_read_account(account(path)) for path in before]
    return [*accounts[0][:-1], join_parts([stages[-1] for stages in accounts])]


def digest_of(step: Step, product: Any) -> dict[str, str]:
    """Return what an account tells of a file that a step wrote itself, such as weights."""
    written = writes_itself(step) and Path(product).is_file()
    return {"sha256": sha256_of_file(product)} if written else {}


def check_digest(path: Path, step: Step) -> None:
    """Refuse a file that a step wrote itself, and that is another by now.

    Raises
    ------
    InstaHideError
        When it is cut short, or was exchanged.
    """
    if not writes_itself(step) or not path.is_file():  # `load_product` tells what is missing
        return
    told, found = _read_account(account(path))[-1].get("sha256"), sha256_of_file(path)
    if told != found:
        raise InstaHideError(
            f"{path} is not what its step has left: its SHA-256 is {found[:16]}…, and "
            f"{account(path).name} tells {str(told)[:16]}…; remove both, to make it anew"
        )


def join_parts(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one account of a step for those of its parts.

    Sums of times, the most memory, and a list of digests where there are several.
    """
    times = {
        name: round(sum(part[name] for part in parts), 3)
        for name in ("wall_seconds", "cpu_seconds")
    }
    peak = max(part["peak_memory_bytes"] for part in parts)
    told = {**parts[0], **times, "peak_memory_bytes": peak}
    if len(parts) > 1 and "sha256" in told:
        told["sha256"] = [part["sha256"] for part in parts]
    return told


def _read_account(path: Path) -> list[dict[str, Any]]:
    stages = read_object(path).get("stages")
    if not isinstance(stages, list) or not stages or not all(map(_is_timed, stages)):
        raise InstaHideError(f"{path} tells no steps: remove it, and make what is beside it")
    return stages


def _is_timed(stage: Any) -> bool:
    """Tell whether this is what `Stopwatch` keeps of a step."""
    numbers = ("wall_seconds", "cpu_seconds", "peak_memory_bytes")
    return isinstance(stage, dict) and all(
        isinstance(stage.get(name), int | float) for name in numbers
    )
