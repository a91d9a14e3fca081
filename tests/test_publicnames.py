"""One word, one thing: no public name is defined in two modules."""

import ast
from collections import defaultdict

from instahide.codehash import PACKAGE

#: The same part in modules that are called alike.
CONVENTIONS = {
    "add_commands",  # what each topic of the command line is entered by
    "main",  # cli, quietly: what a command line runs
    "read",  # photos/headers: what reads the header of each kind of file
}
#: Not mended yet; the list may only get shorter.
LEFT = {
    "CHUNK",  # prng/seedsearch, photos, plainarrays, scoring/npyfile: seeds and bytes
    "GROUPS",  # memory: a folder of the system; scoring/figures: of rows
    "Header",  # photos/headers/header, plainarrays: of a picture and of an array
    "Item",  # parallel, progress, randomness/lookback: type variables
    "MAX_BYTES",  # photos/listing, smalljson: of a photo and of a text
    "MAX_CHUNKS",  # photos/headers/png and webp
    "MAX_DEPTH",  # schema, smalljson
    "MAX_HEADER",  # photos/archives, plainarrays: bytes of other headers
    "MAX_K",  # encodings/dpinstahide, encodings/instahide/scheme
    "MOST",  # challenge/manifestform: a whole number; scoring/roworder: a share of rows
    "MOST_NAMES",  # challenge/verification, nearest: in a message
    "NAME",  # choice: a pattern; randomness/historical: the generator's
    "NAMED",  # attacks/choice: attacks; placing: how many things a message names
    "PACKAGE",  # codehash, leaderboard/records: both the package's folder
    "Result",  # leaderboard/ablation: a row of the table; parallel: a type variable
    "SCHEMES",  # encodings/instahide/scheme, randomness/historical
    "SUFFIXES",  # leaderboard/recheck, photos/listing: of files
    "Selection",  # knownpool/selection: of atoms; challenge/private: how images were drawn
    "TOLERANCE",  # attacks/protocol, prng/seedsearch, leaderboard/recheck
    "as_csv",  # leaderboard/tables, scoring/score
    "as_text",  # memory: a number of bytes; photos/inventory: a name
    "compiled",  # prng/seedkernel, prng/seedreplay
    "describe",  # attacks/protocol: a recovery; leaderboard/ablation: settings
    "explained",  # attacks/running, files: errors of a stage and of the system
    "load_record",  # configurations, leaderboard/records
    "module_file",  # choice: of a target; codehash: of a module of the package
    "nearest",  # nearest: of names; scoring/roworder: of images
    "read_header",  # photos/imageheader, plainarrays
    "recover",  # attacks/prng/attack, attacks/running
    "save_record",  # configurations, leaderboard/records
    "shown",  # challenge/manifestform, names, photos/webrequest, schema: in messages
    "size_of",  # attacks/needs: of a problem; photos/inventory: of a file
}


def defined(tree):
    """Yield the names that a module defines."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id


def test_no_public_name_is_defined_in_two_modules():
    modules = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for name in defined(ast.parse(path.read_text(encoding="utf-8"))):
            modules[name].add(str(path.relative_to(PACKAGE)))
    public = {name for name in modules if not name.startswith("_")}
    twice = {name for name in public - CONVENTIONS if len(modules[name]) > 1}
    assert {name: modules[name] for name in twice - LEFT} == {}
    assert LEFT - twice == set(), "these are mended: take them off the list"
