"""What `import instahide` offers: challenges, attacks and scores in single calls.

Each function is a short way through the modules that do the work, which are imported when it is
called. The examples run in a folder of their own, one after the other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instahide.auditing.calling import Audit, audit
from instahide.errors import InstaHideError

if TYPE_CHECKING:
    import numpy as np

    from instahide.attacks.protocol import Knowledge, Recovery
    from instahide.attacks.recipe import Attack
    from instahide.attacks.seen import Seen
    from instahide.challenge.verification import Verification
    from instahide.encodings.plan import Plan
    from instahide.leaderboard.records import Record
    from instahide.scoring.metrics import Interval
    from instahide.scoring.score import Score

    #: An attack of one's own: returns an image for each row, or a `Recovery`.
    OwnAttack = Callable[[Seen, np.random.Generator], Recovery | np.ndarray]

__all__ = [
    "Audit",
    "Challenge",
    "Evaluation",
    "Leaderboard",
    "audit",
    "evaluate",
    "example_challenge",
    "load_challenge",
    "make_pool",
    "make_private_set",
    "new_challenge",
    "read_leaderboard",
    "recover_images",
    "score_decryption",
    "verify_challenge",
]


@dataclass(frozen=True)
class Challenge:
    """A challenge in a folder; what it holds is read when it is asked for.

    Attributes
    ----------
    folder : Path
    public : Path or None
        A pool of public photos that an attacker may have, for attacks that learn from some.

    Examples
    --------
    >>> load_challenge("example/challenge")
    Challenge(example/challenge: cross, 20 private images, 200 rows)
    """

    folder: Path
    public: Path | None = None

    def __repr__(self) -> str:
        about = self.about
        name = about["encoding"]["name"] if "encoding" in about else about["scheme"]["name"]
        return (
            f"Challenge({self.folder}: {name}, {about['images']} private images, "
            f"{len(self.label)} rows)"
        )

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `challenge.json` tells: parameters, digests, commitments."""
        from instahide.challenge.folder import ChallengeFolder
        from instahide.challenge.manifest import load_manifest

        return load_manifest(ChallengeFolder(self.folder))

    @cached_property
    def encryption(self) -> "np.ndarray":
        """The released rows; of InstaHide float32 (E, H, W, C) on [-1, 1]."""
        from instahide.files import load_npy

        return load_npy(self.folder / "encryption.npy")

    @cached_property
    def label(self) -> "np.ndarray":
        """Their labels, float32 (E, classes)."""
        from instahide.files import load_npy

        return load_npy(self.folder / "label.npy")

    @cached_property
    def private(self) -> "np.ndarray":
        """The secret private images, uint8 (n, H, W, C), where they are at hand."""
        from instahide.challenge.private import load_private

        return load_private(self.folder / "secret" / "private.npz").images

    @cached_property
    def members(self) -> "np.ndarray":
        """The secret private images of each row, int64 (E, m), where the truth is at hand."""
        return self.plan.members

    @cached_property
    def plan(self) -> "Plan":
        """The secret truth of all rows, where it is at hand."""
        from instahide.encodings.plan import load_plan

        return load_plan(self.folder / "secret" / "truth.npz")


@dataclass(frozen=True)
class Evaluation:
    """What an attack reached on a challenge.

    Attributes
    ----------
    attack : str
    challenge : Challenge
    score : Score
        Metrics, also row by row.
    given : Knowledge
        What the attacker had besides the encryptions.
    seconds : float
        Of processor time.
    recovery : Recovery
        The images that were handed in, and the recovered private set, if there is one.
    """

    attack: str
    challenge: Challenge
    score: "Score" = field(repr=False)
    given: "Knowledge"
    seconds: float
    recovery: "Recovery" = field(repr=False)

    @property
    def metrics(self) -> "dict[str, Interval]":
        """Mean and 95 % interval by name: ``max_ssim``, ``mean_ssim``, ``min_l2``, …"""
        return self.score.summary

    def __repr__(self) -> str:
        from instahide.scoring.score import format_table

        table = format_table(self.score)
        return f"{self.attack} on {self.challenge.folder}, {self.seconds:.1f} s\n{table}"


@dataclass(frozen=True)
class Leaderboard:
    """Records, the best first; shown as a table.

    Attributes
    ----------
    records : tuple of Record
    title : str
    """

    records: "tuple[Record, ...]"
    title: str = "Leaderboard"

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> "Iterator[Record]":
        return iter(self.records)

    def __repr__(self) -> str:
        from instahide.leaderboard.tables import as_markdown

        return as_markdown(list(self.records), self.title)

    _repr_markdown_ = __repr__  # as notebooks show it


def make_pool(
    out: Path | str,
    photos: Path | str,
    *,
    size: int = 32,
    channels: int = 3,
    crops_per_photo: int = 25,
    key_points: int = 40,
    seed: int = 0,
) -> Path:
    """Make a pool of public images: random crops of photos with enough SIFT key points.

    Parameters
    ----------
    out : path
        The pool, a Zarr store.
    photos : path
        A folder tree or an archive.
    size, channels : int
        Of the images, in pixels; 3 for colour, 1 for grey.
    key_points : int
        Crops need more than this.
    seed : int
        Of the crops; no secret.

    Raises
    ------
    InstaHideError
        When there are no usable photos, or too few crops.

    Examples
    --------
    >>> make_pool("more.zarr", "example/photos/public", size=16, crops_per_photo=9)
    PosixPath('more.zarr')
    """
    from instahide.photos.listing import list_photos
    from instahide.pool.build import build_pool
    from instahide.pool.crops import CropSettings
    from instahide.randomness.keystream import Key

    settings = CropSettings(crops_per_photo, 64, 128, channels)
    key = Key.from_seed(seed)
    build_pool(out, list_photos(photos), key, settings, more_than=key_points, size=size)
    return Path(out)


def make_private_set(
    out: Path | str,
    images: Path | str,
    *,
    count: int = 100,
    size: int = 32,
    channels: int = 3,
    seed: int | str | None = None,
) -> Path:
    """Select a private set, as equally many images of each class as possible.

    Parameters
    ----------
    out : path
        The set, `.npz`; only its owner may read it.
    images : path
        A folder with a sub-folder for each class, or CIFAR-10's archive.
    seed : int, str or None
        ``"hex:"`` and 64 hexadecimal digits; None for 256 bits of the system's. An integer can
        be guessed.

    Examples
    --------
    >>> make_private_set("few.npz", "example/photos/private", count=8, size=16, seed=3)
    PosixPath('few.npz')
    """
    from instahide.challenge.selection import select_private

    select_private(out, images, _key(seed), count=count, size=size, channels=channels)
    return Path(out)


def new_challenge(
    folder: Path | str,
    private: Path | str,
    public: Path | str | None = None,
    *,
    encoding: str = "instahide",
    seed: int | str | None = None,
    **scheme: Any,
) -> Challenge:
    """Make a challenge: encryptions, labels, manifest, release, and its secrets.

    Parameters
    ----------
    folder : path
        Where it is made; `release.zip` in it is for the public, `secret/` is not.
    private : path
        A private set, see `make_private_set`.
    public : path or None
        A pool, see `make_pool`; None for encodings that mix in no public images.
    encoding : str
        ``instahide``, or another with its options, see docs/encodings.md.
    seed : int, str or None
        As in `make_private_set`; kept in the secret folder.
    scheme
        Of InstaHide: ``name``, ``k``, ``c1``, ``c2``, ``rows_per_image``, see
        `instahide.encodings.instahide.scheme.Scheme`; and ``augmentation``, a mapping such as
        ``{"crop_padding": 4, "flip": True}``, see `instahide.encodings.augmentation`; and
        ``treatment``, what is done to rows before they are released, such as
        ``gaussian=0.1``, see `instahide.encodings.treatment`.

    Raises
    ------
    InstaHideError
        When sources and encoding do not fit each other, or the folder holds another challenge.

    Examples
    --------
    >>> new_challenge("noisy", "example/set.npz", encoding="dp-instahide,rows_per_image=3")
    Challenge(noisy: dp-instahide, 20 private images, 60 rows)
    """
    from functools import partial

    from instahide.challenge.making import make_challenge
    from instahide.encodings.augmentation import Augmentation
    from instahide.encodings.catalogue import choose_encoding
    from instahide.encodings.choice import INSTAHIDE, of_scheme
    from instahide.encodings.instahide.scheme import Scheme
    from instahide.participants.notice import notice_of
    from instahide.participants.releasing import save_companions
    from instahide.schema import suggest

    if encoding != INSTAHIDE and scheme:
        raise InstaHideError(
            f"{', '.join(scheme)}: write options of {encoding} behind its name, as in "
            f"'{encoding.partition(',')[0]},rows_per_image=10'"
        )
    known = [*vars(Scheme()), "augmentation", "treatment"]
    for name in scheme:
        if name not in known:
            raise InstaHideError(f"InstaHide has no option {name!r}{suggest(name, known)}")
    if encoding == INSTAHIDE:
        augmentation = scheme.pop("augmentation", None)
        given = None if augmentation is None else Augmentation.of(augmentation)
        treatment = scheme.pop("treatment", None)
        chosen = of_scheme(Scheme(**scheme), augmentation=given, treatment=treatment)
    else:
        chosen = choose_encoding(encoding)
    accompany = partial(save_companions, notice=notice_of(Path(folder).resolve().name))
    made = make_challenge(folder, private, public, _key(seed), chosen, accompany=accompany)
    return Challenge(made.path)


def load_challenge(folder: Path | str, public: Path | str | None = None) -> Challenge:
    """Open a challenge that is there, yours or a release that you unpacked.

    Parameters
    ----------
    folder : path
    public : path or None
        A pool for attacks that learn from public photos.

    Raises
    ------
    InstaHideError
        When there is none, or `challenge.json` is not what it should be.

    Examples
    --------
    >>> load_challenge("example/challenge").about["scheme"]["k"]
    6
    """
    challenge = Challenge(Path(folder), None if public is None else Path(public))
    _ = challenge.about  # tells at once what is wrong
    return challenge


def example_challenge(
    folder: Path | str, *, images: int = 20, size: int = 16, rows_per_image: int = 10
) -> Challenge:
    """Make a small challenge of photos that come with installed packages; open it next time.

    Its seed is an integer and its images are everybody's: it is to try things on.

    Parameters
    ----------
    folder : path
        Gets `photos/`, `pool.zarr` (the challenge's), `others.zarr` (the attacker's: other
        crops of the same few photos), `set.npz` and `challenge/`.
    images : int
        Private ones, n.
    size : int
        Side of an image, in pixels.
    rows_per_image : int
        T.

    Examples
    --------
    >>> example_challenge("example").label.shape
    (200, 10)
    """
    from instahide.photos.samples import save_samples

    place = Path(folder)
    if not (place / "challenge").exists():
        save_samples(place / "photos/public", place / "photos/private")
        common = {"size": size, "key_points": 10, "crops_per_photo": 30}
        for seed, name in enumerate(("pool.zarr", "others.zarr")):
            make_pool(place / name, place / "photos/public", seed=seed, **common)
        private = make_private_set(
            place / "set.npz", place / "photos/private", count=images, size=size, seed=1
        )
        pool = place / "pool.zarr"
        new_challenge(place / "challenge", private, pool, seed=1, rows_per_image=rows_per_image)
    return load_challenge(place / "challenge", place / "others.zarr")


def verify_challenge(
    challenge: Challenge | Path | str,
    public: Path | str | None = None,
    *,
    encoding: str | None = None,
) -> "Verification":
    """Make a challenge again from its secrets, and compare each file.

    Parameters
    ----------
    public : path or None
        Its pool; None takes `pool.zarr` beside its folder, if its manifest tells of a pool.
    encoding : str or None
        ``module:function`` of somebody's own encoding, whose code you trust.

    Returns
    -------
    Verification
        ``passed``, and ``as_text()``.

    Examples
    --------
    >>> print(verify_challenge(load_challenge("example/challenge")).as_text().splitlines()[-1])
    verified: the challenge is what these inputs make, bit for bit
    """
    from instahide.challenge.folder import ChallengeFolder, load_seed
    from instahide.challenge.verification import verify_files
    from instahide.encodings.catalogue import told_by

    challenge = _opened(challenge)
    folder = ChallengeFolder(challenge.folder)
    if public is None and challenge.about["pool"]:
        public = _pool_beside(challenge)
    chosen = told_by(challenge.about, encoding)
    return verify_files(folder, folder.private, public, load_seed(folder.seed), chosen)


def recover_images(
    attack: "str | OwnAttack",
    challenge: Challenge | Path | str,
    *,
    public: Path | str | None = None,
    labels: str | None = None,
    seed: int = 0,
) -> "Recovery":
    """Run an attack on a challenge.

    Parameters
    ----------
    attack : str or callable
        A name, such as ``"whitened"``, ``"pool"`` or ``"mean"``; ``"module:function"``; or a
        function of what the attacker sees (`instahide.attacks.seen.Seen`) and of random
        numbers, which returns an image for each row, float32 (E, H, W, C) on [-1, 1], or an
        `instahide.attacks.protocol.Recovery`.
    public : path or None
        A pool that the attacker has; that of the challenge object by default, and for
        ``"pool"``, which knows the challenge's own, `pool.zarr` beside its folder.
    labels : {"coefficients", "classes", "none"}, optional
        How much of them a function of one's own is given; all by default. Attacks by name say
        that themselves.
    seed : int
        Of the attack's own random numbers.

    Raises
    ------
    InstaHideError
        When there is no such attack, or it cannot take this challenge.

    Examples
    --------
    >>> challenge = load_challenge("example/challenge")
    >>> recover_images("mean", challenge).decryption.shape
    (200, 16, 16, 3)
    >>> images = recover_images(lambda seen, rng: abs(seen.released.encryption), challenge)
    >>> float(images.decryption.min()) >= 0
    True
    """
    return _run(attack, _opened(challenge), public=public, labels=labels, seed=seed)[1]


def evaluate(
    attack: "str | OwnAttack",
    challenge: Challenge | Path | str,
    *,
    public: Path | str | None = None,
    labels: str | None = None,
    seed: int = 0,
    out: Path | str | None = None,
) -> Evaluation:
    """Run an attack on a challenge whose truth is at hand, and score what it recovers.

    Parameters
    ----------
    attack, challenge, public, labels, seed
        As in `recover_images`.
    out : path or None
        A folder to keep it in, with a record for the leaderboard.

    Returns
    -------
    Evaluation
        Its ``metrics`` are those of the challenge of 2020, with 95 % intervals.

    Examples
    --------
    >>> challenge = load_challenge("example/challenge")
    >>> def grey(seen, rng):
    ...     return 0 * seen.released.encryption
    >>> evaluate(grey, challenge).metrics["max_ssim"].mean < 0.5
    True
    >>> kept = evaluate("mean", challenge, out="example/challenge/attacks/mean")
    >>> kept.given.labels
    'none'
    """
    from instahide.attacks.catalogue import NOT_ON_RANGE
    from instahide.attacks.protocol import Run, save_recovery
    from instahide.challenge.folder import ChallengeFolder
    from instahide.leaderboard.results import save_results
    from instahide.scoring.score import score_images

    challenge = _opened(challenge)
    plan, private = challenge.plan, challenge.private  # beforehand: attacks take long
    chosen, recovery, given, stages = _run(
        attack, challenge, public=public, labels=labels, seed=seed
    )
    assumed = chosen.name in NOT_ON_RANGE
    given_set = {"recovered": recovery.private, "assume_range": assumed}
    score = score_images(recovery.decryption, plan, private, **given_set)
    if out is not None:
        save_recovery(out, recovery, Run(chosen.name, given, stages, chosen.baseline))
        save_results(Path(out), ChallengeFolder(challenge.folder), assume_range=assumed)
    seconds = sum(stage["cpu_seconds"] for stage in stages)
    return Evaluation(chosen.name, challenge, score, given, seconds, recovery)


def score_decryption(
    decryption: "Path | str | np.ndarray", challenge: Challenge | Path | str
) -> "Score":
    """Score what was recovered elsewhere.

    Parameters
    ----------
    decryption : ndarray of float32, shape (E, H, W, C), range [-1, 1], or path
        A `.npy` file, or the zip of a submission, which may be anybody's.

    Returns
    -------
    Score
        Its ``summary`` has the five metrics.

    Raises
    ------
    InstaHideError
        When it has another shape or range, or the truth is not at hand.

    Examples
    --------
    >>> challenge = load_challenge("example/challenge")
    >>> score_decryption(challenge.encryption, challenge).summary["max_ssim"].mean < 0.5
    True
    """
    from instahide.scoring.score import score_file, score_images

    challenge = _opened(challenge)
    if not isinstance(decryption, str | Path):
        return score_images(decryption, challenge.plan, challenge.private)
    secret = challenge.folder / "secret"
    return score_file(decryption, secret / "truth.npz", secret / "private.npz")


def read_leaderboard(*places: Path | str) -> Leaderboard:
    """Rank the records of challenges, the best first.

    Parameters
    ----------
    places : path
        Folders of challenges, or single records; the results reported in 2020 where there is
        none.

    Raises
    ------
    InstaHideError
        When a record is damaged, or is of another challenge than that of its folder.

    Examples
    --------
    >>> [record.attack for record in read_leaderboard("example/challenge")]
    ['mean']
    >>> len(read_leaderboard())
    3
    """
    from instahide.leaderboard.records import rank, reported_records

    if not places:
        return Leaderboard(tuple(rank(reported_records())), "Reported in 2020")
    records = [record for place in map(Path, places) for record in _records(place)]
    return Leaderboard(tuple(rank(records)))


def _records(place: Path) -> "list[Record]":
    """Read a record, or those of a challenge, where others' are refused."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.leaderboard.recheck import load_records, load_taken_in, taken_in
    from instahide.leaderboard.records import load_record

    if place.is_file():
        return [load_record(place)]
    kept = [*place.glob("attacks/*/record.json"), *place.glob("submissions/*.json")]
    folder = ChallengeFolder(place)
    return load_records(sorted(kept), folder) + load_taken_in(taken_in(folder), folder)


def _opened(challenge: Challenge | Path | str) -> Challenge:
    """Return a challenge, whether it is given itself or by its folder."""
    return challenge if isinstance(challenge, Challenge) else load_challenge(challenge)


def _pool_beside(challenge: Challenge) -> Path:
    """Return the place of a challenge's own pool, where `example_challenge` makes it."""
    pool = challenge.folder.parent / "pool.zarr"
    if not pool.exists():
        raise InstaHideError(f"{pool} does not exist: give the challenge's own pool, public=…")
    return pool


def _key(seed: int | str | None) -> Any:
    from instahide.randomness.keystream import Key

    return Key.generate() if seed is None else Key.parse(str(seed))


def _run(
    attack: "str | OwnAttack",
    challenge: Challenge,
    *,
    public: Path | str | None,
    labels: str | None,
    seed: int,
) -> "tuple[Attack, Recovery, Knowledge, list[dict[str, Any]]]":
    """Run an attack; returns it, the recovery, what was given, and the times."""
    from instahide.attacks.running import given_to, recover
    from instahide.attacks.seen import load_seen

    chosen = _chosen(attack, labels)
    if public is None:
        public = _pool_beside(challenge) if chosen.public == "pool" else challenge.public
    if chosen.view and public is None:
        raise InstaHideError(
            f"the attack {chosen.name} learns from public photos: give a pool of them, public=…"
        )
    seen = load_seen(
        challenge.folder,
        None,
        challenge.about["images"],
        public=None if chosen.baseline or chosen.public == "none" else public,
        labels=chosen.labels,
        knows_pool=chosen.public == "pool",
        secrets=chosen.secrets,
    )
    given = given_to(chosen, seen)  # beforehand: the attack could change what it sees
    if callable(attack):
        recovery, stages = _call(attack, chosen, seen, seed)
        return chosen, recovery, given, stages
    recovery, watch = recover(chosen, seen, seed=seed)
    return chosen, recovery, given, watch.stages


def _chosen(attack: "str | OwnAttack", labels: str | None) -> "Attack":
    """Return an attack by its name, or one that stands for a function."""
    from instahide.attacks.catalogue import NAMED, TAKEN, attack_of, own
    from instahide.schema import suggest

    told: Mapping[str, Any] = {"labels": labels or "coefficients", "public": "sample"}
    if callable(attack):
        name = getattr(attack, "__name__", "own").strip("<>")
        return own(name, {**told, "run": f"notebook:{name}"})
    if ":" in attack:
        return own(attack, {**told, "run": attack})
    if labels is not None:
        raise InstaHideError(
            f"the attack {attack} says itself what it is given of the labels: leave labels "
            "out, or take another, such as whitened-classes or whitened-none"
        )
    if attack not in (*TAKEN, *NAMED):
        raise InstaHideError(
            f"there is no attack {attack!r}{suggest(attack, [*TAKEN, *NAMED])}"
        )
    return attack_of(attack, NAMED)


def _call(
    function: "OwnAttack", attack: "Attack", seen: "Seen", seed: int
) -> "tuple[Recovery, list[dict[str, Any]]]":
    """Call a function of one's own as the only step of its attack."""
    import numpy as np

    from instahide.attacks.products import check_product
    from instahide.attacks.protocol import Recovery, Stopwatch
    from instahide.attacks.running import step_rng

    watch, (step,) = Stopwatch(), attack.steps
    rows = seen.table_shape[0]
    with watch.stage(step.name, choice=step.choice.text):
        made = function(seen, step_rng(0, seed))
    if isinstance(made, np.ndarray):
        made = Recovery(made, None, "")
    check_product(made, step, rows, seen.shape)
    return made, watch.stages
