"""The whitened attack: released files and public photos in, private images out.

No network and no GPU: second-order statistics of public images, least squares, and the
knowledge that images are smooth. Four stages, each a choice of `Settings`:

similarity
    `instahide.attacks.similarity`: features in which rows that share an image look alike.
assignment
    `instahide.attacks.assignment`: which private images each row mixes.
retrieval
    `instahide.attacks.pixelwise` for a first guess of the images, or rows unmasked one by
    one; then rounds of `instahide.attacks.retrieval`: masks off, images, assignment, again.
finish
    `instahide.attacks.finish`: a last solve with local weights, and which of its two images
    a row hands in.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from instahide.attacks.assignment import (
    Assignment,
    Parts,
    cluster_classes,
    count_images,
    fit_pairs,
    members_table,
    read_labels,
)
from instahide.attacks.field import Field, learn_field
from instahide.attacks.finish import (
    choose_images,
    error_variance,
    predict_quality,
    solve_by_bands,
    trust,
)
from instahide.attacks.pixelwise import first_images
from instahide.attacks.protocol import (
    Knowledge,
    Recovery,
    Released,
    Stopwatch,
    load_released,
    save_recovery,
)
from instahide.attacks.retrieval import (
    Round,
    State,
    expected_level,
    refine,
    start_from_images,
    start_from_rows,
)
from instahide.attacks.similarity import draw_coefficients, learn_whitening
from instahide.errors import InstaHideError
from instahide.files import save_npz
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool

#: Annealing steps, error of the images, median filter. Later rounds trust the images more.
FIELD_ROUNDS = (
    Round(12, 0.3, 9),
    Round(12, 0.2, 7),
    Round(16, 0.05, 3),
    Round(20, 0.2, 7),
    Round(20, 0.05, 3),
    Round(20, 0.02),
    Round(32, 0.01),
)
#: Before them, where rows were unmasked first.
FIRST_ROUNDS = (Round(16, 0.5), Round(16, 0.3))
#: For rows without masks.
PLAIN_ROUNDS = (Round(0, 0.05), Round(0, 0.01), Round(0, 0.01))
# ASSUME: below this many rows per image, rows unmasked one by one are the better start.
# Measured at 10 and 20, where they are, and at 50, where pixels are.
FEW_ROWS = 30

#: Called after each step with its name, the images (or None) and the assignment.
Observer = Callable[[str, np.ndarray | None, Assignment], object]


def ignore(stage: str, images: np.ndarray | None, assignment: Assignment) -> None:
    """Observe nothing."""


@dataclass(frozen=True)
class Settings:
    """A whitened attack by name of its stages.

    Attributes
    ----------
    similarity : {"whitened squares", "squares"}
        "squares" leaves the whitening out.
    assignment : {"em", "clusters"}
        "clusters" stops at one round of EM.
    retrieval : {"field", "pixelwise"}
        "pixelwise" stops at the first guess.
    start : {"auto", "pixels", "rows"}
        What the retrieval begins with: phase retrieval pixel by pixel, or rows unmasked one
        by one; by default the latter where there are few rows for each image.
    finish : {"local", "none"}
    masked : bool
        False for mixup, whose rows need no unmasking.
    k, largest, least : int, float, float
        The scheme's number of images and its bounds c1 and c2.
    rounds : tuple of Round
        Of the retrieval; empty for the default.
    propagations : int
        Of the first guess.
    mixtures : int
        Synthetic mixtures of public images that covariances are learnt from.
    floor : float
        Of the whitening, see `instahide.attacks.similarity.learn_whitening`.
    """

    similarity: Literal["whitened squares", "squares"] = "whitened squares"
    assignment: Literal["em", "clusters"] = "em"
    retrieval: Literal["field", "pixelwise"] = "field"
    start: Literal["auto", "pixels", "rows"] = "auto"
    finish: Literal["local", "none"] = "local"
    masked: bool = True
    k: int = 6
    largest: float = 0.65
    least: float = 0.3
    rounds: tuple[Round, ...] = ()
    propagations: int = 2
    mixtures: int = 20_000
    floor: float = 1e-3


def recover(
    released: Released,
    public_sample: np.ndarray,
    *,
    images: int,
    rng: np.random.Generator,
    settings: Settings | None = None,
    observe: Observer = ignore,
) -> tuple[Recovery, Assignment, Stopwatch]:
    """Recover the private images of a challenge.

    Parameters
    ----------
    released : Released
        Encryptions, and labels with coefficients.
    public_sample : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool; none of its members is needed.
    images : int
        Number n of private images.
    rng : numpy.random.Generator
    settings : Settings, optional
    observe : callable, optional
        Sees what every step makes of images and assignment, to measure them.

    Returns
    -------
    Recovery, Assignment, Stopwatch

    Raises
    ------
    InstaHideError
        When shapes do not fit, rows have more than two classes or are too few.
    """
    settings = settings or Settings()
    check_inputs(released, public_sample)
    watch = Stopwatch()
    parts = read_labels(released.label)
    members = members_table(count_images(parts, released.label.shape[1], images))
    magnitude = released.encryption.reshape(len(released.encryption), -1)
    magnitude = np.abs(magnitude) if settings.masked else magnitude
    with watch.stage("similarity"):
        field = learn_field(public_sample)
        features = make_features(field, magnitude, parts, public_sample, rng, settings)
    with watch.stage("assignment"):
        assignment = assign(features, parts, members, settings)
        del features
        observe("assignment", None, assignment)
    with watch.stage("retrieval"):
        state = retrieve(
            field, magnitude, assignment, parts, members, images, rng, settings, observe
        )
    with watch.stage("finish"):
        recovery = finish(field, state, released.encryption.shape, rng, settings)
    return recovery, state.assignment, watch


def check_inputs(released: Released, public_sample: np.ndarray) -> None:
    """Refuse a public sample of another shape, or of too few images."""
    if public_sample.shape[1:] != released.encryption.shape[1:]:
        raise InstaHideError(
            f"the public sample's images are {public_sample.shape[1:]} and the encryptions "
            f"{released.encryption.shape[1:]}; make the sample at the challenge's size"
        )
    if len(public_sample) < 100:
        raise InstaHideError(
            f"the public sample has {len(public_sample)} images; covariances need hundreds, "
            "better thousands"
        )


def make_features(
    field: Field,
    rows: np.ndarray,
    parts: Parts,
    public: np.ndarray,
    rng: np.random.Generator,
    settings: Settings,
) -> np.ndarray:
    """Return features of rows whose inner products tell of shared images, (E, d)."""
    if not settings.masked:
        rest = 1 - parts.coefficients.sum(axis=1, keepdims=True)
        return field.transform(rows - rest * field.mean) / np.sqrt(field.spectrum + 1e-9)
    if settings.similarity == "squares":
        squares = rows**2
        return squares - squares.mean(axis=0)
    whitening = learn_whitening(
        public,
        rng,
        k=settings.k,
        largest=settings.largest,
        mixtures=settings.mixtures,
        floor=settings.floor,
    )
    return whitening.apply(rows**2)


def assign(
    features: np.ndarray, parts: Parts, members: np.ndarray, settings: Settings
) -> Assignment:
    """Assign images to rows by their features."""
    start = cluster_classes(features, parts, members)
    rounds = 6 if settings.assignment == "em" else 1
    power = 2 if settings.masked else 1
    return fit_pairs(features, parts, members, start, power=power, rounds=rounds)


def retrieve(
    field: Field,
    magnitude: np.ndarray,
    assignment: Assignment,
    parts: Parts,
    members: np.ndarray,
    images: int,
    rng: np.random.Generator,
    settings: Settings,
    observe: Observer = ignore,
) -> State:
    """Recover the images from their assignment, and correct that on the way."""
    spread = expected_spread(rng, settings)
    if not settings.masked:
        guess = np.zeros((images + 1, magnitude.shape[1]), np.float32)
        level = expected_level(assignment, spread)
        state, rounds = State(guess, assignment, level, magnitude), PLAIN_ROUNDS
    elif choose_start(settings, len(magnitude), images) == "rows":
        state = start_from_rows(field, magnitude, assignment, images, spread)
        rounds = FIRST_ROUNDS + FIELD_ROUNDS
    else:
        guess = first_images(
            assignment, magnitude, field, images, rng,
            spread=spread, propagations=settings.propagations,
        )  # fmt: skip
        state = start_from_images(magnitude, guess, assignment, spread)
        rounds = FIELD_ROUNDS
    observe("first images", state.images, assignment)
    rounds = settings.rounds or rounds
    for number, round_ in enumerate(rounds if settings.retrieval == "field" else ()):
        state = refine(field, magnitude, state, parts, members, round_, spread=spread)
        observe(f"round {number + 1}", state.images, state.assignment)
    return state


def choose_start(settings: Settings, rows: int, images: int) -> str:
    """Return the start of the retrieval, "rows" where each image is in few of them."""
    if settings.start != "auto":
        return settings.start
    return "rows" if rows < FEW_ROWS * images else "pixels"


def expected_spread(rng: np.random.Generator, settings: Settings, draws: int = 20_000) -> float:
    """Return the mean of Σ λᵢ² / (Σ λᵢ)² over the public images of rows; 0 without any."""
    if settings.k == 2:
        return 0.0
    drawn = draw_coefficients(rng, draws, settings.k, settings.largest)
    public = drawn[drawn[:, :2].sum(axis=1) >= settings.least, 2:]
    return float(((public**2).sum(axis=1) / public.sum(axis=1) ** 2).mean())


def finish(
    field: Field,
    state: State,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    settings: Settings,
) -> Recovery:
    """Solve a last time, and choose what each row hands in.

    Parameters
    ----------
    shape : tuple of int
        (E, H, W, C).
    """
    images = state.images
    if settings.finish == "local":
        images = solve_by_bands(state, field.shape)
    images = np.clip(images[:-1], -1, 1)
    noise = field.sample(rng, len(images))
    quality = predict_quality(images, error_variance(state), noise, field.shape)
    sure = trust(state.assignment.coefficients, state.level, images.shape[1])
    chosen = choose_images(state.assignment.images, quality[state.assignment.images] * sure)
    private = images.reshape(-1, *shape[1:])
    return Recovery(
        decryption=private[chosen],
        private=private,
        given=Knowledge(public_distribution=True),
        complexity="O(Ed² + d³)",
        details={"predicted_ssim": round(float(quality.mean()), 4), **asdict(settings)},
    )


def save_whitened(
    out: Path | str,
    challenge: Path | str,
    public_sample: Path | str,
    *,
    images: int,
    settings: Settings,
    seed: int = 0,
) -> None:
    """Attack a challenge's folder, and write the attack's.

    Besides what `protocol.save_recovery` writes, ``assignment.npz`` gets ``images`` int
    (E, 2) and ``coefficients`` float (E, 2).

    Parameters
    ----------
    out, challenge : path
        Folders; of the challenge's, `encryption.npy` and `label.npy` are read.
    public_sample : path
        A pool of public images.
    images : int
        Number of private images.
    seed : int
        Of the attack's own random numbers.
    """
    released = load_released(challenge)
    public = to_unit_range(open_pool(public_sample).patches[:])
    rng = np.random.default_rng(seed)
    recovery, assignment, watch = recover(
        released, public, images=images, rng=rng, settings=settings
    )
    save_npz(
        Path(out) / "assignment.npz",
        {"images": assignment.images, "coefficients": assignment.coefficients},
    )
    save_recovery(out, "whitened", recovery, watch.stages)
