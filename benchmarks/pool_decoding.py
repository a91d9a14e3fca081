"""The pool attack, measured on challenges whose truth is at hand (only to measure it).

    python benchmarks/pool_decoding.py quality POOL.zarr CHALLENGE …
    python benchmarks/pool_decoding.py degraded POOL.zarr CHALLENGE --photos PHOTOS
    python benchmarks/pool_decoding.py scale POOL.zarr CHALLENGE --photos PHOTOS
    python benchmarks/pool_decoding.py cost POOL.zarr CHALLENGE --photos PHOTOS

POOL.zarr is the pool that the challenges were made with, PHOTOS the photos it was cut from
(and others). `quality` prints what each pass knows. The others make small
challenges of a challenge's images, of 50 rows each as usual. `degraded` (20 images) gives the
attacker less: half of the members, or near-duplicates of all of them. `scale` (20 images)
adds other crops of the photos to the pool, without key-point filter. `cost` (10 images) has
k = 3 … 8 and pools of 10³ … 10⁵ such crops.

All starts are made by the whitened attack, with the true pool as its sample.
"""

import argparse
import contextlib
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from measuring import spread
from whitened import accuracy, match

from instahide.attacks import running
from instahide.attacks.catalogue import unmixing
from instahide.attacks.knownpool.decoding import SURE, Decoding, Settings
from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.attacks.knownpool.finish import decode_rows
from instahide.attacks.knownpool.selection import NONE
from instahide.attacks.protocol import Released, load_released
from instahide.attacks.seen import sample
from instahide.attacks.unmixing.parts.handin import hand_in
from instahide.attacks.unmixing.problem import Problem, make_problem
from instahide.attacks.unmixing.state import State
from instahide.challenge.encryption import encode_rows
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import load_private
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan, load_plan
from instahide.images import shrink, to_unit_range
from instahide.labelled import LabelledImages
from instahide.photos.listing import PhotoError, decode, list_photos, read_photo
from instahide.pool.crops import CropSettings, crop_photo, cut
from instahide.pool.pool import Pool, open_pool
from instahide.pool.stores import get_names
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import challenge_scores

SIDE = 32
COLUMNS = (
    "larger", "smaller", "MSE", "worst MSE", "found", "right", "all right",
    "sure", "right", "coeff.", "Max_SSIM",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A challenge with its truth, and the state that the whitened attack leaves."""

    problem: Problem
    plan: Plan
    private: LabelledImages
    start: State


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=tuple(COMMANDS))
    parser.add_argument("pool", type=Path)
    parser.add_argument("challenges", type=Path, nargs="+", help="folders with their secret/")
    parser.add_argument("--photos", type=Path, help="where the pool's photos are")
    parser.add_argument("--starts", type=Path, help="a folder to keep the starts in")
    parser.add_argument("--passes", type=int, default=Settings.passes, help="at most")
    arguments = parser.parse_args()
    COMMANDS[arguments.what](arguments)


def measure_quality(arguments: argparse.Namespace) -> None:
    """Print what each pass knows, and at the end the medians over the challenges."""
    pool, ends = open_pool(arguments.pool), []
    for folder in arguments.challenges:
        case = load_case(folder, pool, arguments.starts)
        print(f"\n{folder}: {len(pool)} public images")
        settings = Settings(passes=arguments.passes)
        ends.append(run(case, pool, settings, identical(pool)))
    print(f"\nall {len(ends)} challenges, median (range)")
    for name, values in zip((*COLUMNS, "seconds"), np.transpose(ends), strict=True):
        print(f"{name:<12}{spread(values, 6)}")


def measure_degraded(arguments: argparse.Namespace) -> None:
    """Print what comes of it when the attacker's pool is not the pool."""
    pool = open_pool(arguments.pool)
    case = make_case(some_images(arguments, 20), pool, 6)
    for name, known, names in worse_pools(pool, arguments.photos):
        print(f"\n{name}: {len(known)} images")
        run(case, known, Settings(passes=arguments.passes), names)


def measure_scale(arguments: argparse.Namespace) -> None:
    """Print quality, time and memory as the pool grows."""
    pool = open_pool(arguments.pool)
    case = make_case(some_images(arguments, 20), pool, 6)
    crops = cut_many(arguments.photos, 100_000 - len(pool))
    everything = np.concatenate([pool.patches[:], crops])
    for count, screen in ((10_000, 1024), (100_000, 1024), (100_000, None)):
        larger = Pool(everything[:count])
        one, rate = time_scan(case, larger, screen)
        print(
            f"\n{count} candidates, scan in {screen or everything[0].size} elements of the "
            f"basis: {one:.1f} s for {len(case.plan)} rows, {rate:.2f} ns for a row and "
            "candidate"
        )
        settings = Settings(passes=arguments.passes, screen=screen)
        run(case, larger, settings, identical(larger))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"peak memory so far {peak:.2f} GiB, pool included")


def measure_cost(arguments: argparse.Namespace) -> None:
    """Print time and success for k = 3 … 8 and N = 10³ … 10⁵."""
    crops = cut_many(arguments.photos, 100_000)
    private = some_images(arguments, 10)
    print(
        f"{len(private.images)} private images, 50 rows each; seconds of decoding, passes, "
        "nanoseconds for a row and candidate, N^(k-2), public images right, rows with all "
        "right, MSE at the start, MSE"
    )
    for count in (1000, 10_000, 100_000):
        for k in range(3, 9):
            known = Pool(crops[:count])
            case, names = make_case(private, known, k), identical(known)
            begin = time.perf_counter()
            state, decoding, passes = decode_rows(case.problem, case.start, Settings(k=k))
            seconds = time.perf_counter() - begin
            judged = judge(case, state, decoding, names)
            first = judge(case, case.start, decoding, names)[2]
            rate = 1e9 * seconds / passes / count / len(case.plan)
            print(
                f"k {k}  N {count:>6}  {seconds:6.1f} s  {passes:>2} passes  {rate:6.1f} ns  "
                f"{float(count) ** (k - 2):8.0e}  {judged[4]:.4f}  {judged[6]:.4f}  "
                f"{first:.1e}  {judged[2]:.1e}",
                flush=True,
            )


COMMANDS = {
    "quality": measure_quality,
    "degraded": measure_degraded,
    "scale": measure_scale,
    "cost": measure_cost,
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def load_case(folder: Path, pool: Pool, starts: Path | None) -> Case:
    """Load a challenge, and its start if that has been made before."""
    paths = ChallengeFolder(folder)
    released, plan = load_released(folder), load_plan(paths.truth)
    plan = replace(plan, public=identical(pool)[plan.public])
    private = load_private(paths.private)
    scheme = Scheme(**load_manifest(paths)["scheme"])
    problem = know(released, pool, scheme, len(private.images))
    kept = starts / f"{folder.name}.npz" if starts else None
    if kept and kept.exists():
        return Case(problem, plan, private, State.load(kept))
    case = start_case(problem, plan, private)
    if kept:
        case.start.save(kept)
    return case


def know(released: Released, pool: Pool, scheme: Scheme, images: int) -> Problem:
    """Return the problem of an attacker who knows a pool."""
    return make_problem(released, to_unit_range(sample(pool)), scheme, images, pool=pool)


def identical(pool: Pool) -> np.ndarray:
    """Return, for each image of a pool, the first that is identical to it."""
    flat = pool.patches[:].reshape(len(pool), -1)
    _, first, back = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    return first[back.ravel()]


def start_case(problem: Problem, plan: Plan, private: LabelledImages) -> Case:
    """Run the whitened attack up to its retrieval."""
    state, _ = running.run_steps(unmixing().steps[:-1], problem)
    return Case(problem, plan, private, state)


def make_case(private: LabelledImages, pool: Pool, k: int) -> Case:
    """Make a small challenge, and start on it."""
    scheme = Scheme("cross", k=k, rows_per_image=50)
    sources = combine(private, pool, Key.from_seed(k), of_scheme(scheme))
    rows = 50 * len(private.images)
    plan = sources.encoding.plan(0, rows)
    labels = label_rows(plan, private)
    released = Released(encode_rows(sources, plan, 0), labels)
    plan = replace(plan, public=identical(pool)[plan.public])
    return start_case(know(released, pool, scheme, len(private.images)), plan, private)


def some_images(arguments: argparse.Namespace, count: int) -> LabelledImages:
    """Return a challenge's private images, `count` of them from its first two classes."""
    private = load_private(ChallengeFolder(arguments.challenges[0]).private)
    each = [np.flatnonzero(private.classes == number)[: count // 2] for number in range(2)]
    kept = np.concatenate(each)
    return LabelledImages(
        private.images[kept], private.classes[kept], tuple(private.class_names[:2])
    )


def run(case: Case, pool: Pool, settings: Settings, names: np.ndarray) -> list[float]:
    """Decode, print each pass, and return the last one's figures."""
    begin = time.perf_counter()
    print(f"{'pass':<12}" + "".join(f"{name:>10}" for name in COLUMNS) + f"{'seconds':>10}")

    def show(stage, state, decoding, decryption=None):
        figures = judge(case, state, decoding, names, decryption)
        seconds = time.perf_counter() - begin
        texts = [
            f"{x:>10.2e}" if "MSE" in n else f"{x:>10.4f}"
            for n, x in zip(COLUMNS, figures, strict=True)
        ]
        print(f"{stage:<12}" + "".join(texts) + f"{seconds:>10.0f}", flush=True)
        return [*figures, seconds]

    nothing = np.full((len(case.plan), settings.k - 2), NONE)
    show("start", case.start, Decoding(nothing, nothing * 0.0, nothing * 0.0))
    problem = replace(case.problem, pool=pool)
    state, decoding, _ = decode_rows(problem, case.start, settings, show)
    recovery = hand_in(problem, state, state.images, rng())
    return show("handed in", state, decoding, recovery.decryption)


def judge(
    case: Case,
    state: State,
    decoding: Decoding,
    names: np.ndarray,
    decryption: np.ndarray | None = None,
) -> list[float]:
    """Return the figures of `COLUMNS`.

    found: public images of the truth that were found (in their place, or as the
    near-duplicate of theirs); right: share of the decisions that are; all right: rows with
    all of them; sure: rows above the confidence that counts; right: share of their public
    images; coeff.: share of the sure rows whose coefficients are all within 1e-3.

    `names` gives the place in the true pool of each image of the attacker's; of identical
    images, the first.
    """
    plan, private = case.plan, to_unit_range(case.private.images)
    mine = match(state.assignment, plan, len(private))
    pairs = list(accuracy(mine, state.assignment, plan, case.private.classes).values())
    pictures = np.clip(state.images[:-1], -1, 1).reshape(private.shape)
    error = ((pictures - private[mine]) ** 2).mean(axis=(1, 2, 3))
    places = names[decoding.public]
    made = decoding.public != NONE
    hit = (places[:, :, None] == plan.public[:, None, :]) & made[:, :, None]
    right, found = hit.any(axis=2), hit.any(axis=1)
    coefficients = np.einsum("eij,ej->ei", hit, plan.weights[:, 2:])
    close = right & (np.abs(coefficients - decoding.coefficients) < 1e-3)
    sure = decoding.row_confidence > SURE
    if decryption is None:
        decryption = pictures[state.assignment.members[:, 0]]
    score = challenge_scores(decryption, private, plan.members).max_ssim.mean()
    return [
        *pairs[:2], error.mean(), error.max(), found.mean(), mean(right[made]),
        found.all(axis=1).mean(), sure.mean(), mean(right[sure]),
        mean(close[sure].all(axis=1)), score,
    ]  # fmt: skip


def mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def worse_pools(pool: Pool, photos: Path) -> Iterator[tuple[str, Pool, np.ndarray]]:
    """Yield the attacker's pools with their names and each image's place in the true pool."""
    patches, first = pool.patches[:], identical(pool)
    chosen = np.sort(rng().permutation(len(pool))[: len(pool) // 2])
    yield "half of the members", Pool(patches[chosen]), first[chosen]
    photo = pool.group["photo"][:]
    known = rng().permutation(photo.max() + 1) < (photo.max() + 1) // 2
    chosen = np.flatnonzero(known[photo])
    yield "all members from half of the photos", Pool(patches[chosen]), first[chosen]
    for shift in (1, 2, 4, 8):
        moved = cut_again(pool, photos, shift)
        error = rms(moved, patches)
        yield f"cut {shift} source pixels off (rms {error:.3f})", Pool(moved), first
    for quality in (90, 75, 50):
        again = np.stack([recompress(patch, quality) for patch in patches])
        error = rms(again, patches)
        yield f"JPEG at 32×32, quality {quality} (rms {error:.3f})", Pool(again), first


def rms(images: np.ndarray, others: np.ndarray) -> float:
    return float(np.sqrt(((to_unit_range(images) - to_unit_range(others)) ** 2).mean()))


def cut_again(pool: Pool, folder: Path, shift: int) -> np.ndarray:
    """Cut all patches anew, `shift` pixels of the photo down and to the right (or back)."""
    listed = {photo.name: photo for photo in list_photos(folder)}
    names, boxes = get_names(pool.group, "photos"), pool.group["boxes"][:]
    owner, patches = pool.group["photo"][:], np.empty_like(pool.patches[:])
    for number in np.unique(owner):
        image = decode(read_photo(listed[names[number]]), channels=3, min_side=64)
        for place in np.flatnonzero(owner == number):
            box = boxes[place].copy()
            room = np.array(image.shape[:2]) - box[:2] - box[2:]
            box[:2] += np.where(room >= shift, shift, -np.minimum(shift, box[:2]))
            patches[place] = shrink(cut(image, box[None], box[2])[0], SIDE)
    return patches


def recompress(patch: np.ndarray, quality: int) -> np.ndarray:
    """Write and read a patch as a JPEG file."""
    _, data = cv2.imencode(".jpg", patch[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def cut_many(folder: Path, count: int) -> np.ndarray:
    """Cut crops from all usable photos of a folder, without key-point filter; uint8."""
    photos = list_photos(folder)
    settings = CropSettings(per_photo=-(-count * 11 // (10 * len(photos))))
    stream, patches = Key.from_seed(99).stream("crop"), []
    for photo in photos:
        with contextlib.suppress(PhotoError):  # grey or too small
            for crop, (_, _, height, width) in zip(
                *crop_photo(photo, stream, settings)[::-1], strict=True
            ):
                patches.append(shrink(crop[:height, :width], SIDE))
    return np.stack(patches)[rng().permutation(len(patches))[:count]]


def time_scan(case: Case, pool: Pool, screen: int | None) -> tuple[float, float]:
    """Time one scan; return seconds, and nanoseconds for a row and candidate."""
    dictionary = make_dictionary(pool, screen=screen)
    rows = dictionary.whiten(case.start.unmasked - case.start.design() @ case.start.images)
    begin = time.perf_counter()
    dictionary.shortlist(rows, Settings.shortlist)
    seconds = time.perf_counter() - begin
    return seconds, 1e9 * seconds / len(rows) / len(pool)


if __name__ == "__main__":
    main()
