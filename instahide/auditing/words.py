"""What an audit found, in whole sentences: pure functions of counts and names.

Those on the first screen hold counts and no other number.
"""

import math
import re
from collections.abc import Sequence

from instahide.names import UNFIT

# What turns the direction of a text, and of what follows it: a name could show another one.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FEW = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

PRIVATE = (
    "This page shows your private images. Keep it as you keep the images, and send it to "
    "nobody who may not see them."
)
NO_PROOF = "That proves nothing: attacks get better, and this audit tried only some of them."
#: What attackers know, in the words of somebody who has never heard of labels, by their names.
EXPLAINED = {
    "photos": "He has the mixtures and their labels, as they are handed out for training, and "
    "ordinary photos of his own.",
    "pool": "He has the mixtures, their labels, and the public images that yours were mixed "
    "with: anybody can get those.",
    "blind": "He does not know which class an image has (its label), nor how much of it was "
    "mixed in (its coefficient).",
}
NOT_TOLD_APART = (
    "Each is so much like another of them that whatever came back is like both. So this audit "
    "cannot say what an attacker sees of them, and it does not say that nothing leaks."
)
ADVICE = (
    "InstaHide is broken. Do not use it to hide images, whatever this audit found on yours.",
    "Keep what it makes of your images, the mixtures and their labels, as you keep the images "
    "themselves.",
    "If you have already given mixtures away, treat the images as given away.",
)
LIMITS = (
    "An audit says what came back to these attackers, with the attacks of this version. "
    "Attacks get better, and somebody who knows more about your images, or takes more time, "
    "gets more.",
    "An image that does not count as recognisable may still show something: a face's outline, "
    "a colour, an organ's shape. Look at what came back yourself.",
    "An audit that finds little proves nothing.",
)


def printed(name: str) -> str:
    r"""Return a file's name as a page shows it, in full: what would hide in it is written out.

    >>> printed("a\nb.png"), printed("scan\u202egnp.exe")
    ('a\\u000ab.png', 'scan\\u202egnp.exe')
    """
    escaped = UNFIT.sub(_written_out, name)
    return _TURNS.sub(_written_out, escaped)


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a number and its noun.

    >>> counted(1, "image"), counted(500, "image"), counted(2, "class", "classes")
    ('1 image', '500 images', '2 classes')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def verdict(recognised: int, total: int, knows: str) -> str:
    """Return the answer: how many images came back to the attacker to whom most did.

    >>> verdict(47, 50, "knows nothing but photos of the same kind")
    '47 of your 50 images came back recognisably to an attacker who knows nothing but photos of the same kind.'
    >>> verdict(1, 1, "knows the public images too")
    'Your one image came back recognisably to an attacker who knows the public images too.'
    """  # noqa: E501
    if total == 1:
        which = "Your one image"
    elif recognised == total:
        which = "Both of your images" if total == 2 else f"All {total:,} of your images"
    else:
        which = f"{recognised:,} of your {total:,} images"
    return f"{which} came back recognisably to an attacker who {knows}."


def verdict_of_nothing(total: int, attackers: int) -> str:
    """Return the answer where no image came back to any attacker.

    >>> verdict_of_nothing(50, 3)
    'None of your 50 images came back recognisably to any of the three attackers.'
    >>> verdict_of_nothing(1, 1)
    'Your one image did not come back recognisably to the attacker.'
    """
    whom = {1: "the attacker", 2: "either of the two attackers"}.get(
        attackers, f"any of the {_spelt(attackers)} attackers"
    )
    if total == 1:
        return f"Your one image did not come back recognisably to {whom}."
    which = "Neither of your two images" if total == 2 else f"None of your {total:,} images"
    return f"{which} came back recognisably to {whom}."


def verdict_of_alike(total: int) -> str:
    """Return the answer where all images are alike.

    >>> verdict_of_alike(50)
    'Your 50 images could not be told apart.'
    """
    return f"Your {'two' if total == 2 else f'{total:,}'} images could not be told apart."


def share(recognised: int, total: int) -> str:
    """Return how many images came back, in few words.

    >>> share(0, 50), share(12, 50), share(50, 50), share(1, 1)
    ('none of 50', '12 of 50', 'all 50', 'the one image')
    """
    if recognised == 0:
        return f"none of {total:,}" if total > 1 else "no image"
    if recognised == total:
        return f"all {total:,}" if total > 1 else "the one image"
    return f"{recognised:,} of {total:,}"


def likeness_words(ssim: float) -> str:
    """Return a likeness with two digits, never rounded up: it could look like the threshold.

    >>> likeness_words(0.597), likeness_words(0.6), likeness_words(-0.004), likeness_words(1.0)
    ('0.59', '0.60', '0.00', '1.00')
    """
    return f"{max(math.floor(100 * ssim + 1e-9), 0) / 100:.2f}"


def only_rows_words(rows: int) -> str:
    """Return what is said where nothing but one number of encryptions was tried.

    >>> only_rows_words(10)
    'Fewer than 10 encryptions of each image were not tried: an audit without --quick tries them, and one with --full more of them too.'
    """  # noqa: E501
    return (
        f"Fewer than {counted(rows, 'encryption')} of each image were not tried: an audit "
        "without --quick tries them, and one with --full more of them too."
    )


def pairs_title(count: int, leaks: bool) -> str:
    """Return the title of the pairs of pictures on the first screen.

    >>> pairs_title(3, True), pairs_title(1, False)
    ('The three that came back best', 'What came nearest to its original')
    """
    if leaks:
        return (
            "The one that came back"
            if count == 1
            else f"The {_spelt(count)} that came back best"
        )
    return f"What came nearest to {'its original' if count == 1 else 'their originals'}"


def alike_remark(alike: int, total: int) -> str:
    """Return what is to be said of images that are too like another one; "" where none is.

    >>> alike_remark(2, 50)
    '2 of your 50 images are so much like another of yours that they could not be told apart; they are not counted as recognised.'
    """  # noqa: E501
    if not alike:
        return ""
    which = f"All {total:,}" if alike == total else f"{alike:,} of your {total:,} images"
    if alike == 1:
        return (
            f"{which} is so much like another of yours that it could not be told apart; it is "
            "not counted as recognised."
        )
    return (
        f"{which} are so much like another of yours that they could not be told apart; they "
        "are not counted as recognised."
    )


def chance_words(chance: float, total: int) -> str:
    """Return what guessing would have found.

    Parameters
    ----------
    chance : float
        Mean number of images that are recognised in guesses.

    Examples
    --------
    >>> chance_words(0.3, 50).partition("came back, ")[2]
    'fewer than one of your 50 images would count as recognisable on average.'
    >>> chance_words(0.3, 1).partition("came back, ")[2]
    'your one image would count as recognisable in 30 of 100 tries.'
    """
    few = "none" if chance < 0.05 else "fewer than one" if chance < 1 else f"about {chance:.0f}"
    found = f"{few} of your {total:,} images would count as recognisable on average"
    if total == 1:
        tries = f"in {100 * chance:.0f} of 100 tries"
        found = f"your one image would count as recognisable {tries}"
    return (
        "Compare it with chance: if photos that owe nothing to your images stood in the place "
        f"of what came back, {found}."
    )


def no_more_than_chance(recognised: int, chance: float) -> str:
    """Return a warning where chance finds as many images; "" where it finds fewer.

    >>> no_more_than_chance(47, 0.1)
    ''
    """
    if not 0 < recognised <= chance:
        return ""
    return "Chance alone gives as many, so this says nothing about your images."


def called(recognised: bool, alike: bool) -> str:
    """Return how what came back of an image is called.

    Parameters
    ----------
    recognised : bool
    alike : bool
        Whether the original is so much like another one that nothing could tell.
    """
    if recognised:
        return "recognisable"
    return "not told apart" if alike else "not recognisable"


def alternative_text(file: str, attacker: str, is_called: str) -> str:
    """Return what stands for a picture of what came back to an attacker.

    >>> alternative_text("cat.png", "attacker 2", called(True, False))
    'what came back of cat.png to attacker 2: recognisable'
    """
    return f"what came back of {file} to {attacker}: {is_called}"


def rule_words(threshold: float, margin: float) -> tuple[str, ...]:
    """Return how recognition was measured.

    Parameters
    ----------
    threshold, margin : float
        Of `instahide.auditing.recognition.Rule`.
    """
    return (
        "Recognisable is measured, not felt. An image counts when two things hold of what came "
        "back of it.",
        "First, it finds its original: it is more like it than like any other of your images, "
        f"and clearly so, by a lead of at least {margin:g}. A blur that would pass for half of "
        "your images counts for none.",
        "Second, it is at least so much like its original that one sees what is on it: "
        f"{threshold:g} or more, where 1 is the same picture, and 0 has nothing in common.",
        "Likeness is the structural similarity (SSIM), which compares two pictures patch by "
        "patch: brightness, contrast, and where edges run. Where images were moved or mirrored "
        "before they were mixed, nobody can tell which way round they were, and the likest way "
        "counts.",
    )


def curve_words(counts: Sequence[tuple[int, int]], total: int, attacker: str) -> str:
    """Return what fewer encryptions of each image would have given one attacker.

    Parameters
    ----------
    counts : sequence of (int, int)
        Encryptions of each image and images recognised, in ascending order.
    attacker : str
        Such as ``Attacker 1``.

    Examples
    --------
    >>> curve_words([(2, 3), (10, 47)], 50, "Attacker 1")
    'Attacker 1 recognised 3 of 50 from 2 encryptions of each image, 47 of 50 from 10.'
    """
    parts = [
        f"{share(found, total)} from {counted(rows, 'encryption') if first else f'{rows:,}'}"
        + (" of each image" if first else "")
        for first, (rows, found) in zip([True] + [False] * len(counts), counts, strict=False)
    ]
    return f"{attacker} recognised {', '.join(parts)}."


def nothing_words(rows: int, attacker: str, reason: str) -> str:
    """Return why nothing came back to an attacker from so many encryptions of each image.

    >>> nothing_words(2, "Attacker 1", "6 rows are too few to find 8 images in")
    'From 2 encryptions of each image the attack of Attacker 1 could not be run to its end: 6 rows are too few to find 8 images in.'
    """  # noqa: E501
    made = counted(rows, "encryption")
    return (
        f"From {made} of each image the attack of {attacker} could not be run to its end: "
        f"{reason.removesuffix('?')}."
    )


def unreadable_words(count: int) -> str:
    """Return how many files could not be used.

    >>> unreadable_words(0), unreadable_words(1)
    ('Every file could be used.', '1 file could not be used:')
    """
    if not count:
        return "Every file could be used."
    return f"{counted(count, 'file')} could not be used:"


def _spelt(count: int) -> str:
    return _FEW[count] if count < len(_FEW) else f"{count:,}"


def _written_out(match: re.Match) -> str:
    return f"\\u{ord(match[0]):04x}"
