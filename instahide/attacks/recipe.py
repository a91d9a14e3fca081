"""An attack as data: what it is given, and the steps that it consists of.

What runs an attack gets such a recipe, with every function as ``module:function``; the names
that stand for functions are looked up before (`instahide.attacks.catalogue`), so that a new
name re-runs nothing.

Standard library only: the workflow reads it whenever it is parsed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from instahide.choice import Choice
from instahide.errors import InstaHideError

#: Attempts without any attack, by name; see `instahide.attacks.baselines`.
BASELINES = ("absolute", "mean", "random", "oracle")
#: Those that suit any encoding.
BASELINES_OF_ALL = ("mean", "random")
#: What the stages of the attack `whitened` are, as they are written.
WHITENED = {"similarity": "whitened", "assignment": "em", "retrieval": "field"} | {
    "finish": "local"
}
DP_INSTAHIDE = "dp-instahide"  # the encoding that the stages `equal` take apart
LAST = "decryption.npy"  # what the last step of every attack leaves
#: What the runner hands to functions that have a keyword-only argument of this name.
OFFERED = ("part", "threads", "state", "path", "observe")

#: How much of the labels an attacker is given.
Labels = Literal["coefficients", "classes", "none"]
#: Which public photos: none, others of the same kind, or the challenge's pool.
Public = Literal["none", "sample", "pool"]


def baselines_for(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the baselines that suit a challenge, by its public parameters."""
    return BASELINES if "scheme" in about else BASELINES_OF_ALL


@dataclass(frozen=True)
class Resources:
    """What the workflow asks of a cluster for one step; memory and time grow with attempts."""

    memory_mb: int = 3000
    minutes: int = 60
    threads: int = 2


@dataclass(frozen=True)
class Step:
    """One step of an attack: a function, and the file that it leaves for the next.

    Attributes
    ----------
    name : str
        As messages and ``attack.json`` call it.
    choice : Choice
        The function with its options.
    product : str
        Name of the file; what it holds follows from its suffix, see
        `instahide.attacks.products`.
    kind : str or None
        ``module:Class`` of what is in it, for a class of the project.
    by_row : bool
        The product has a length, and it is the number of encryptions.
    parts : int
        Jobs that can run at once, each with ``part=(number, parts)``; the next step is given
        the list of what they made.
    beside : bool
        It is given nothing of the steps before, and the next step is given what it makes after
        what they made; such as a training whose network a later stage uses.
    resources : Resources

    Raises
    ------
    InstaHideError
        When an option is one that the runner gives, or there are no parts.
    """

    name: str
    choice: Choice
    product: str = LAST
    kind: str | None = None
    by_row: bool = False
    parts: int = 1
    beside: bool = False
    resources: Resources = field(default_factory=Resources)

    def __post_init__(self):
        taken = [name for name in OFFERED if name in self.choice.options]
        if taken:
            raise InstaHideError(
                f"{self.name} {self.choice.text!r}: the runner gives {taken[0]!r}; leave it out"
            )
        if self.parts < 1:
            raise InstaHideError(f"{self.name}: {self.parts} parts; use 1 or more")


@dataclass(frozen=True)
class Attack:
    """An attack: its steps, and what they are given besides the encryptions.

    Attributes
    ----------
    name : str
    steps : tuple of Step
        One or more; the last returns an `instahide.attacks.protocol.Recovery`.
    family : str
        Attacks of one family that begin alike share what their first steps make.
    view : str or None
        ``module:function`` of what the steps are called with instead of a
        `instahide.attacks.seen.Seen`, made of it.
    labels : {"coefficients", "classes", "none"}
    public : {"none", "sample", "pool"}
    generator : bool
        It knows how the generator works.
    secrets : bool
        It sees the truth, and is a baseline.
    baseline : bool
        It is a measure for comparison, and no attack.
    encodings : tuple of str
        The names of the encodings that it attacks; empty for any.
    unmoved : bool
        It looks for images as they are, not cropped or flipped.
    """

    name: str
    steps: tuple[Step, ...]
    family: str = "own"
    view: str | None = None
    labels: Labels = "coefficients"
    public: Public = "none"
    generator: bool = False
    secrets: bool = False
    baseline: bool = False
    encodings: tuple[str, ...] = ()
    unmoved: bool = False

    def suits(self, encoding: str) -> bool:
        """Tell whether it attacks an encoding of this name."""
        return not self.encodings or encoding in self.encodings

    def before(self, number: int) -> list[int]:
        """Return the numbers of the steps whose products step `number` is given."""
        found: list[int] = []
        if self.steps[number].beside:
            return found
        for other in reversed(range(number)):
            found.insert(0, other)
            if not self.steps[other].beside:
                break
        return found

    def beginning(self, number: int) -> tuple[Step, ...]:
        """Return the steps that decide what step `number` makes, itself the last."""
        first = number if self.steps[number].beside else 0
        return self.steps[first : number + 1]

    def trail(self, number: int) -> str:
        """Return the folder, below a challenge's `steps`, of what step `number` makes.

        It tells everything that led to it.
        """
        pool = "+pool" if self.public == "pool" else ""
        chosen = [step.choice.text for step in self.beginning(number)]
        return "/".join([self.family, self.labels + pool, *chosen])

    def files(self, number: int) -> list[str]:
        """Return the files of what step `number` makes, below a challenge's `steps`."""
        step, folder = self.steps[number], self.trail(number)
        if step.parts == 1:
            return [f"{folder}/{step.product}"]
        return [f"{folder}/{part}/{step.product}" for part in range(step.parts)]

    def left_before(self, number: int) -> list[str]:
        """Return the files that step `number` is given, below a challenge's `steps`."""
        return [file for other in self.before(number) for file in self.files(other)]

    def jobs(self) -> Iterator[tuple[str, int, int | None]]:
        """Yield file, step and part of every job but the last step's."""
        for number in range(len(self.steps) - 1):
            files = self.files(number)
            for part, file in enumerate(files):
                yield file, number, part if len(files) > 1 else None

    def until(self, number: int) -> dict[str, Any]:
        """Return the beginning of the attack as plain values, for one job.

        What does not decide what step `number` makes is left out.
        """
        steps = tuple(replace(step, resources=Resources()) for step in self.beginning(number))
        last = number == len(self.steps) - 1
        return asdict(replace(self, name=self.name if last else "", steps=steps))

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Attack":
        """Return the attack that `until` made plain."""
        steps = tuple(
            Step(
                **step
                | {
                    "choice": Choice(**step["choice"]),
                    "resources": Resources(**step["resources"]),
                }
            )
            for step in plain["steps"]
        )
        return cls(**{**plain, "steps": steps})
