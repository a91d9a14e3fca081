"""What an attacker has besides the encryptions, in two words and in plain ones.

The two are the columns ``knowledge`` and ``labels`` of a sweep's CSV.
"""

from instahide.attacks.protocol import Knowledge

PUBLIC_IN_WORDS = {
    "pool": "the public images themselves", "sample": "photos of the same kind",
    "none": "no photos", "truth": "the truth",
}  # fmt: skip
LABELS_IN_WORDS = {
    "coefficients": "labels with coefficients", "classes": "labels' classes",
    "none": "no labels",
}  # fmt: skip
#: The more an attacker has, the later; each can do what those before can.
PUBLIC_BY_STRENGTH = ("none", "sample", "pool")
LABELS_BY_STRENGTH = ("none", "classes", "coefficients")


def knowledge_in_words(knowledge: object, labels: object) -> str:
    """Return what an attacker has besides the encryptions.

    Examples
    --------
    >>> knowledge_in_words("sample", "classes")
    "photos of the same kind, labels' classes"
    """
    parts = PUBLIC_IN_WORDS.get(str(knowledge)), LABELS_IN_WORDS.get(str(labels))
    return ", ".join(filter(None, parts)) or "not told"


def strength(knowledge: object, labels: object) -> tuple[int, int] | None:
    """Return how much an attacker has, for sorting; None of what sees the truth."""
    if knowledge not in PUBLIC_BY_STRENGTH or labels not in LABELS_BY_STRENGTH:
        return None
    return PUBLIC_BY_STRENGTH.index(str(knowledge)), LABELS_BY_STRENGTH.index(str(labels))


def in_two_words(given: Knowledge) -> tuple[str, str]:
    """Return what a record says of an attacker.

    Examples
    --------
    >>> in_two_words(Knowledge(labels="classes", public_distribution=True))
    ('sample', 'classes')
    """
    public = "sample" if given.public_distribution else "none"
    return "pool" if given.public_pool else public, given.labels
