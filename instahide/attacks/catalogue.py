"""The attacks that are there by name, and what the configuration makes of others.

Strings only: nothing is imported for a name, and nothing that runs an attack imports this, so
that a new name re-runs nothing. (A registry that functions enter by a decorator would import
every attack whenever the workflow is parsed, and join all their digests.)

An attack of the unmixing family chooses one function for each of four stages:

==========  ========================================================  ======================
stage       a function of (problem, …, rng, options)                  returns
==========  ========================================================  ======================
similarity  ``similarity(problem, rng)``                              features, (E, anything)
assignment  ``assignment(problem, features, rng)``                    `Assignment`
retrieval   ``retrieval(problem, assignment, rng)``                   `State`
finish      ``finish(problem, state, rng)``                           `Recovery`
==========  ========================================================  ======================
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from instahide.attacks.recipe import (
    BASELINES,
    BASELINES_OF_ALL,
    DP_INSTAHIDE,
    LAST,
    WHITENED,
    Attack,
    Labels,
    Public,
    Resources,
    Step,
)
from instahide.choice import Choice, choose
from instahide.encodings.choice import INSTAHIDE
from instahide.errors import InstaHideError

UNMIXING = "instahide.attacks.unmixing"
KNOWN_POOL = "instahide.attacks.knownpool"
NEURAL = "instahide.attacks.neural"
AUTHORS = "instahide.attacks.authors"
#: stage -> name -> where its function is
STAGES = {
    "similarity": {
        "whitened": f"{UNMIXING}.similarity:whitened",
        "plain": f"{UNMIXING}.similarity:plain",
        "views": f"{UNMIXING}.viewsimilarity:in_views",
        "neural": f"{NEURAL}.similarity:learnt",
        "neural-whitened": f"{NEURAL}.similarity:learnt_and_whitened",
        "neural-pairs": f"{NEURAL}.similarity:pair_scores",
    },
    "assignment": {
        "em": f"{UNMIXING}.assignment:em",
        "free": f"{UNMIXING}.blindassignment:assign_blindly",
        "scattered": f"{UNMIXING}.blindassignment:assign_scattered",
        "places": f"{UNMIXING}.insideassignment:assign_inside",
        "equal": f"{UNMIXING}.equalassignment:assign_equal",
        "views": f"{UNMIXING}.viewassignment:em_in_views",
        "cliques": f"{NEURAL}.cliques:assign_by_cliques",
        "prototypes": f"{NEURAL}.prototypes:assign_by_prototypes",
        "prototypes-stacked": f"{NEURAL}.prototypes:assign_by_stacks",
        "linear": f"{UNMIXING}.linearassignment:assign_linearly",
    },
    "retrieval": {
        "field": f"{UNMIXING}.retrieval:field",
        "free": f"{UNMIXING}.blindretrieval:retrieve_blindly",
        "places": f"{UNMIXING}.insideretrieval:retrieve_inside",
        "equal": f"{UNMIXING}.equalretrieval:retrieve_equal",
        "views": f"{UNMIXING}.viewretrieval:field_in_views",
        "adam": f"{NEURAL}.retrieval:descend_to_images",
        "linear": f"{UNMIXING}.linearretrieval:retrieve_linearly",
    },
    "finish": {
        "local": f"{UNMIXING}.finish:local",
        "none": f"{UNMIXING}.finish:none",
        "views": f"{UNMIXING}.viewfinish:local_in_views",
        "views-none": f"{UNMIXING}.viewfinish:none_in_views",
        "views-denoise": f"{UNMIXING}.viewdenoise:denoise_in_views",
        "pool": f"{KNOWN_POOL}.finish:decode_with_pool",
        "views-pool": f"{KNOWN_POOL}.viewfinish:decode_in_views",
        "learnt": f"{NEURAL}.errorfinish:finish_learnt",
        "scaled": f"{NEURAL}.finish:scaled",
        "colours": f"{NEURAL}.finish:coloured",
        "linear-pool": f"{KNOWN_POOL}.linearfinish:decode_linearly",
    },
}
#: Names of stages that another step stands before, in several parts.
SCATTERED = {"scattered": f"{UNMIXING}.neighbourhood:find_neighbours"}
NEIGHBOUR_PARTS = 16  # jobs that share the search for neighbours
#: stage -> names that a network is trained for in a step before -> what trains it
TRAINED = {
    "similarity": {
        "neural": f"{NEURAL}.training:train_on_rows",
        "neural-whitened": f"{NEURAL}.training:train_on_rows",
        "neural-pairs": f"{NEURAL}.training:train_on_pairs",
    },
    "assignment": {
        "prototypes": f"{NEURAL}.prototypetraining:train_on_prototypes",
        "prototypes-stacked": f"{NEURAL}.prototypetraining:train_on_stacks",
    },
}
#: Options that go to such a training, and not to the stage.
TRAINING_OPTIONS = ("steps", "depth", "width")
#: The file of its weights.
WEIGHTS = {"similarity": "weights.pt", "assignment": "prototypes.pt"}
NETWORK = Resources(memory_mb=4000, minutes=60, threads=1)  # of such a step
#: What each stage leaves: its file, and the class of what is in it.
PRODUCTS = {
    "similarity": ("features.npy", None),
    "assignment": ("assignment.npz", f"{UNMIXING}.state:Assignment"),
    "retrieval": ("state.npz", f"{UNMIXING}.state:State"),
    "finish": (LAST, None),
}
#: All stages of attacks on images that were flipped and shifted.
VIEWS = dict.fromkeys(STAGES, "views")
#: Stages of the attack of 2020.
OF_2020 = {"similarity": "neural", "assignment": "cliques", "retrieval": "adam"}
#: Stages of attacks on rows without masks.
LINEAR = {"assignment": "linear", "retrieval": "linear", "finish": "none"}
#: Attacks of the unmixing family that are always there: what each changes of the defaults.
NAMED = {
    "whitened": {},
    "whitened-classes": {"labels": "classes", "assignment": "free", "retrieval": "free"},
    "whitened-none": {"labels": "none", "assignment": "free", "retrieval": "free"},
    "whitened-inside": {
        "similarity": "whitened,squash=False",
        "assignment": "places",
        "retrieval": "places",
        "finish": "none",
    },
    "whitened-dp": {"assignment": "equal", "retrieval": "equal", "finish": "none"},
    "pool": {"public": "pool", "finish": "pool"},
    "neural": OF_2020 | {"finish": "scaled"},
    "neural-v1": OF_2020 | {"finish": "colours"},
    "linear": {"assignment": "em,unmasked=True", "finish": "none"},
    "linear-classes": LINEAR | {"labels": "classes"},
    "linear-none": LINEAR | {"labels": "none"},
    "linear-pool": LINEAR | {"labels": "none", "public": "pool", "finish": "linear-pool"},
    "augmented": VIEWS,
    "augmented-classes": VIEWS | {"labels": "classes"},
    "augmented-none": VIEWS | {"labels": "none"},
    "augmented-pool": VIEWS | {"public": "pool", "finish": "views-pool"},
    "augmented-untold": VIEWS | {"augmentation": "estimated"},
}
#: Names of stages that are on another encoding than InstaHide.
ON_OTHERS = {"equal": DP_INSTAHIDE}
#: Baselines whose values are not on [-1, 1], and are meant so.
NOT_ON_RANGE = ("absolute",)
SEED_SLICES = 16  # jobs that share the 2³² seeds: as many can run at once
ROW_SLICES = 8  # jobs that share the rows of the attack `single`


def choose_stage(stage: str, text: str) -> Choice:
    """Read the choice for a stage, see `instahide.choice.choose`."""
    return choose(stage, text, STAGES[stage])


def unmixing(name: str = "whitened", **chosen: str) -> Attack:
    """Return an attack of the unmixing family.

    Parameters
    ----------
    name : str
        Of the attack.
    chosen : str
        `labels`, `public`, `augmentation` (``told``, or ``estimated`` from the rows), and the
        text of a choice for stages, see `NAMED`; what is not given is as in the attack
        ``whitened``.

    Raises
    ------
    InstaHideError
        When a text chooses nothing.

    Examples
    --------
    >>> [step.choice.text for step in unmixing(retrieval="field,rounds=1").steps]
    ['whitened', 'em', 'field,rounds=1', 'local']
    """
    stages = WHITENED | {stage: chosen[stage] for stage in STAGES if stage in chosen}
    untold = chosen.get("augmentation") == "estimated"
    _check_together(stages, untold)
    others = {ON_OTHERS.get(text.partition(",")[0]) for text in stages.values()} - {None}
    return Attack(
        name,
        tuple(step for stage, text in stages.items() for step in _steps(stage, text)),
        family="unmixing-untold" if untold else "unmixing",
        view=f"{UNMIXING}.untold:view_untold" if untold else f"{UNMIXING}.problem:view",
        labels=chosen.get("labels", "coefficients"),
        public=chosen.get("public", "sample"),
        encodings=tuple(others) or (INSTAHIDE,),
        unmoved=_unmoved(stages["assignment"].partition(",")[0]),
    )


def _unmoved(assignment: str) -> bool:
    """Tell whether an assignment of the project's own looks for images as they are."""
    return assignment in STAGES["assignment"] and not assignment.startswith("views")


def _check_together(stages: Mapping[str, str], untold: bool) -> None:
    """Refuse to mix stages on images in views with others: they would not know the members.

    Functions of one's own may stand beside either.
    """
    names = {stage: text.partition(",")[0] for stage, text in stages.items()}
    known = {stage: name for stage, name in names.items() if name in STAGES[stage]}
    after = [stage for stage in known if stage != "similarity"]
    seen = [stage for stage in after if known[stage].startswith("views")]
    if seen and len(seen) < len(after):
        other = next(stage for stage in after if stage not in seen)
        raise InstaHideError(
            f"{seen[0]} {stages[seen[0]]!r} and {other} {stages[other]!r} do not go together: "
            "choose 'views' for similarity, assignment, retrieval and finish, or for none"
        )
    if untold and known and not seen:
        raise InstaHideError(
            "augmentation 'estimated' is for stages on images in views: choose 'views' for "
            "similarity, assignment, retrieval and finish"
        )


def _steps(stage: str, text: str) -> list[Step]:
    """Return the step of a stage, and what stands before it."""
    (product, kind), choice = PRODUCTS[stage], choose_stage(stage, text)
    step = Step(stage, choice, product, kind, by_row=stage != "finish")
    name = text.partition(",")[0]
    if name in TRAINED.get(stage, ()):
        training, rest = _training(stage, choice)
        return [training, replace(step, choice=rest)]
    before = SCATTERED.get(name)
    if not before:
        return [step]
    search = choose("neighbours", "nearest", {"nearest": before})
    return [Step("neighbours", search, "neighbours.npz", parts=NEIGHBOUR_PARTS), step]


def _training(stage: str, choice: Choice) -> tuple[Step, Choice]:
    """Return the step that trains the network of a stage, and the stage's choice without it.

    The network of a similarity is all that it needs; that of a later stage stands beside what
    the stages before have made.
    """
    name, *options = choice.text.split(",")
    target = TRAINED[stage][name]
    of_training = [text for text in options if text.partition("=")[0] in TRAINING_OPTIONS]
    others = [text for text in options if text not in of_training]
    lesson = target.rpartition("_")[2]  # rows, pairs and so on: what it is trained on
    trained = choose("network", ",".join([lesson, *of_training]), {lesson: target})
    beside = stage != "similarity"
    step = Step("network", trained, WEIGHTS[stage], beside=beside, resources=NETWORK)
    return step, choose_stage(stage, ",".join([name, *others]))


def baseline(name: str) -> Attack:
    """Return a baseline, an attack of one step; all but ``absolute`` see the truth."""
    known = {name: f"instahide.attacks.baselines:hand_in_{name}"}
    step = Step(name, choose("baseline", name, known))
    return Attack(
        name,
        (step,),
        family="baseline",
        secrets=name != "absolute",
        baseline=True,
        encodings=() if name in BASELINES_OF_ALL else (INSTAHIDE,),
    )


def prng() -> Attack:
    """Return the attack through the generator of 2020: search its seed, and solve."""
    where = "instahide.attacks.prng.steps"
    known = {"search": f"{where}:search_part", "solve": f"{where}:solve_with_seed"}
    search = Step(
        "search",
        choose("step", "search", known),
        product="seeds.json",
        parts=SEED_SLICES,
        resources=Resources(memory_mb=2000, threads=4),
    )
    solve = Step("solve", choose("step", "solve", known), resources=Resources(minutes=30))
    return Attack(
        "prng", (search, solve), family="prng", generator=True, encodings=(INSTAHIDE,)
    )


def single() -> Attack:
    """Return the attack on each row for itself, with the pool: rows in parts, then joined."""
    known = {"join": f"{KNOWN_POOL}.single:join_rows"}
    join = Step("join", choose("step", "join", known))
    return _rows_first("single", "none", join)


def single_with_labels() -> Attack:
    """Return the attack that begins so, and takes the mixtures apart by the labels."""
    known = {"apart": f"{KNOWN_POOL}.apart:start_from_mixtures"}
    apart = Step(
        "apart",
        choose("step", "apart", known),
        product="state.npz",
        kind=f"{UNMIXING}.state:State",
        by_row=True,
    )
    finish = Step("finish", choose_stage("finish", "pool,passes=20"))
    return _rows_first("single-labels", "coefficients", apart, finish)


def _rows_first(name: str, labels: Labels, *others: Step) -> Attack:
    """Return an attack whose first step decodes rows in parts."""
    known = {"rows": f"{KNOWN_POOL}.single:decode_part"}
    rows = Step("rows", choose("step", "rows", known), product="rows.npz", parts=ROW_SLICES)
    return Attack(
        name,
        (rows, *others),
        family="single",
        view=f"{UNMIXING}.problem:view",
        labels=labels,
        public="pool",
        encodings=(INSTAHIDE,),
        unmoved=True,
    )


def averaging() -> Attack:
    """Return the mean of the rows that a class leads, which InstaHide's authors tried."""
    known = {"average": f"{AUTHORS}.averaging:average_rows"}
    step = Step("average", choose("step", "average", known))
    return Attack("averaging", (step,), family="authors", encodings=(INSTAHIDE,), unmoved=True)


def public_search() -> Attack:
    """Return the search of the pool by similarity, which InstaHide's authors tried."""
    return _authors("publicsearch", "poolsearch:search_public", "pool")


def learnt_mask() -> Attack:
    """Return the network that takes masks off, with the extra torch, the authors' as well."""
    return _authors("learnt-mask", "learntmask:learn_masks", "sample")


def _authors(name: str, function: str, public: Public) -> Attack:
    """Return an attack of InstaHide's authors, of one step on the rows alone."""
    step = Step(name, choose("step", name, {name: f"{AUTHORS}.{function}"}))
    return Attack(
        name,
        (step,),
        family="authors",
        view=f"{UNMIXING}.problem:view",
        labels="none",
        public=public,
        encodings=(INSTAHIDE,),
    )


def own(name: str, chosen: Mapping[str, Any]) -> Attack:
    """Return an attack of one's own, of one step (`run`) or several (`steps`)."""
    parts = chosen.get("steps") or [chosen["run"]]
    steps = [_own_step(part, last=part is parts[-1]) for part in parts]
    return Attack(name, tuple(steps), labels=chosen["labels"], public=chosen["public"])


def _own_step(given: str | Mapping[str, Any], last: bool) -> Step:
    part = {"run": given} if isinstance(given, str) else dict(given)
    choice = choose("step", part["run"], {})
    asked = Resources()
    resources = Resources(
        **{name: part.get(name, value) for name, value in vars(asked).items()}
    )
    return Step(
        choice.target.partition(":")[2],
        choice,
        product=LAST if last else part.get("product", "product.npz"),
        parts=part.get("parts", 1),
        resources=resources,
    )


#: Attacks of steps of their own.
BUILT = {
    "prng": prng,
    "single": single,
    "single-labels": single_with_labels,
    "averaging": averaging,
    "publicsearch": public_search,
    "learnt-mask": learnt_mask,
}
#: Attacks whose names nobody can give to one of his own.
TAKEN = (*BASELINES, *BUILT)


def attack_of(name: str, configured: Mapping[str, Mapping[str, Any]]) -> Attack:
    """Return an attack by its name.

    Parameters
    ----------
    configured : mapping
        The configuration's key `attacks`, checked, with its defaults.

    Raises
    ------
    InstaHideError
        When a step chooses nothing.
    """
    if name in BUILT:
        return BUILT[name]()
    if name in BASELINES:
        return baseline(name)
    chosen = configured[name]
    return own(name, chosen) if chosen.keys() & {"run", "steps"} else unmixing(name, **chosen)
