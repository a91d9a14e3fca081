"""Texts of tables that somebody may open in a spreadsheet."""

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """Keep spreadsheets from taking a text for a formula: one that looks like it gets a ``'``.

    >>> harmless("=HYPERLINK(1)"), harmless("cat.png")
    ("'=HYPERLINK(1)", 'cat.png')
    """
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_SIGNS) else text
