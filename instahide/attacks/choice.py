"""Attacks made of stages: a name for each, and where its function is.

An attack is a line of configuration that chooses one function for each of four stages:

==========  ========================================================  ======================
stage       a function of (problem, …, rng, options)                  returns
==========  ========================================================  ======================
similarity  ``similarity(problem, rng)``                              features, (E, anything)
assignment  ``assignment(problem, features, rng)``                    `Assignment`
retrieval   ``retrieval(problem, assignment, rng)``                   `State`
finish      ``finish(problem, state, rng)``                           `Recovery`
==========  ========================================================  ======================

A choice is written ``name`` or ``name,option=value,…``. The name is one of `STAGES`, or
``module:function`` for a function of one's own; options are its keyword arguments.

Standard library only: the workflow reads it whenever it is parsed.
"""

from dataclasses import dataclass, fields

from instahide.choice import Choice, choose

#: stage -> name -> where its function is
STAGES = {
    "similarity": {
        "whitened": "instahide.attacks.unmixing.similarity:whitened",
        "plain": "instahide.attacks.unmixing.similarity:plain",
    },
    "assignment": {
        "em": "instahide.attacks.unmixing.assignment:em",
        "free": "instahide.attacks.unmixing.blindassignment:assign_blindly",
        "places": "instahide.attacks.unmixing.insideassignment:assign_inside",
    },
    "retrieval": {
        "field": "instahide.attacks.unmixing.retrieval:field",
        "free": "instahide.attacks.unmixing.blindretrieval:retrieve_blindly",
        "places": "instahide.attacks.unmixing.insideretrieval:retrieve_inside",
    },
    "finish": {
        "local": "instahide.attacks.unmixing.finish:local",
        "none": "instahide.attacks.unmixing.finish:none",
        "pool": "instahide.attacks.knownpool.finish:decode_with_pool",
    },
}
#: Attacks that are always there: what each changes of the defaults.
NAMED = {
    "whitened": {},
    "whitened-classes": {"labels": "classes", "assignment": "free", "retrieval": "free"},
    "whitened-none": {"labels": "none", "assignment": "free", "retrieval": "free"},
    "whitened-inside": {"assignment": "places", "retrieval": "places", "finish": "none"},
    "pool": {"public": "pool", "finish": "pool"},
}


@dataclass(frozen=True)
class Stages:
    """The four choices of an attack, as they are written; the defaults are `whitened`."""

    similarity: str = "whitened"
    assignment: str = "em"
    retrieval: str = "field"
    finish: str = "local"

    def __post_init__(self):
        for part in fields(self):
            self.choice(part.name)

    def choice(self, stage: str) -> Choice:
        """Return the choice for a stage."""
        return choose_stage(stage, getattr(self, stage))


def choose_stage(stage: str, text: str) -> Choice:
    """Read the choice for a stage, see `instahide.choice.choose`."""
    return choose(stage, text, STAGES[stage])
