"""The log of an intake: everything that was ever handed in, in one SQLite file.

Each file is an entry that is ``waiting``, then ``scoring``, then ``scored`` or ``refused``.
What one process scores, no other does: changes of state are transactions. Whether somebody is
still at an entry that is ``scoring`` is told by the lock of its owner, see
`instahide.intake.keeping`.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from instahide.errors import InstaHideError
from instahide.intake.metadata import Metadata, same_team
from instahide.intake.rules import Rules, overdrawn, rules_of
from instahide.names import shown

LOG_FORMAT = 1
PATIENCE = 60.0  # seconds that a transaction waits for others
CHALLENGE = "challenge"  # the setting that tells what the scores are of
SEEN_HALF = "seen_half"  # the setting that tells whether teams saw a board of the half
#: Why something is refused. What is refused by a rule may be handed in again as it is.
Because = Literal["duplicate", "content", "limit", "fault", "large", "late", "overdrawn"]
FINAL = ("content", "limit")

TABLES = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    arrived TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'scoring', 'scored', 'refused')),
    team TEXT,
    team_key TEXT,
    attack TEXT,
    metadata TEXT,
    because TEXT,
    reason TEXT,
    score TEXT,
    finished TEXT,
    owner TEXT,
    UNIQUE (name, sha256, size)
);
CREATE INDEX entries_of_digest ON entries (sha256);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class LogEntry:
    """A file that was handed in.

    Attributes
    ----------
    id : int
        In the order in which files were taken in.
    name : str
        The name that it was handed in under.
    sha256 : str
        Of the file; empty where it was too large to be read.
    size : int
        Bytes.
    arrived, finished : str
        Times in UTC; `finished` is empty until it is scored or refused.
    state : {"waiting", "scoring", "scored", "refused"}
    metadata : Metadata or None
        None until it is read, and where it cannot be.
    because, reason : str
        Why it was refused: a word of `Because`, and a sentence for the team.
    score : dict or None
        As `instahide.intake.onefile.score_one` returns it.
    """

    id: int
    name: str
    sha256: str
    size: int
    arrived: str
    state: str
    metadata: Metadata | None = None
    because: str = ""
    reason: str = ""
    score: dict[str, Any] | None = None
    finished: str = ""

    @property
    def day(self) -> str:
        """The day in UTC on which it arrived."""
        return self.arrived[:10]


class Log:
    """The log of one challenge; use `opened_log`.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of a block or nothing, alone among all processes."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def add(self, name: str, sha256: str, size: int, arrived: str) -> int | None:
        """Enter a file that waits, unless this very one was entered under this name before.

        One of the same content as an earlier one is entered as refused.

        Returns
        -------
        int or None
            Its id; None where it is not new.
        """
        with self.transaction():
            done = self._connection.execute(
                "INSERT OR IGNORE INTO entries (name, sha256, size, arrived, state) "
                "VALUES (?, ?, ?, ?, 'waiting')",
                (name, sha256, size, arrived),
            )
            new, number = done.rowcount == 1, done.lastrowid
            if new and (earlier := self._same_content(sha256, number)):
                reason = (
                    f"it is the same file as {shown(earlier.name)}, which arrived at "
                    f"{earlier.arrived}; it was not scored again"
                )
                self._refuse(number, "duplicate", reason, arrived)
                if earlier.metadata:
                    self.tell(earlier.id, earlier.metadata)
        return number if new else None

    def _same_content(self, sha256: str, before: int) -> LogEntry | None:
        """Return the entry of the same content that counts, if there is one."""
        for entry in self._entries("sha256 = ? AND sha256 != '' AND id < ?", sha256, before):
            if entry.state != "refused" or entry.because in FINAL:
                return entry
        return None

    def entries(self, *states: str) -> list[LogEntry]:
        """Return all entries, or those of some states, in the order of their arrival."""
        if not states:
            return self._entries("1")
        return self._entries(f"state IN ({', '.join('?' * len(states))})", *states)

    def entry(self, number: int) -> LogEntry:
        """Return an entry by its id."""
        return self._entries("id = ?", number)[0]

    def tell(self, number: int, metadata: Metadata) -> None:
        """Enter what a team tells in a file, for all entries of the same content."""
        self._connection.execute(
            "UPDATE entries SET team = ?, team_key = ?, attack = ?, metadata = ? "
            "WHERE sha256 = (SELECT sha256 FROM entries WHERE id = ?)",
            (
                metadata.team,
                same_team(metadata.team),
                metadata.attack,
                json.dumps(asdict(metadata)),
                number,
            ),
        )

    def claim(self, number: int, rules: Rules, owner: str, now: str) -> bool:
        """Let an entry whose metadata is known go from waiting to scoring.

        Where its team has had as many files scored that day as it may, it is refused. While
        another process is at one that may yet be refused, it goes on waiting.

        Parameters
        ----------
        owner : str
            Who is to score it, see `instahide.intake.keeping.present`.

        Returns
        -------
        bool
            Whether the caller is to score it.
        """
        with self.transaction():
            entry = self.entry(number)
            if entry.state != "waiting":
                return False
            counts = self._taken(entry)
            if fault := overdrawn(counts.get("scored", 0), entry.day, rules):
                self._refuse(number, "overdrawn", fault, now)
                return False
            if overdrawn(sum(counts.values()), entry.day, rules):
                return False
            self._connection.execute(
                "UPDATE entries SET state = 'scoring', owner = ? WHERE id = ?",
                (owner, number),
            )
        return True

    def _taken(self, entry: LogEntry) -> dict[str, int]:
        """Return how many files of a team and day are scored and being scored."""
        # ASSUME: refused files and duplicates do not count, since no score was told of them.
        found = self._connection.execute(
            "SELECT state, COUNT(*) FROM entries WHERE team_key = ? AND "
            "substr(arrived, 1, 10) = ? AND state IN ('scored', 'scoring') GROUP BY state",
            (same_team(entry.metadata.team), entry.day),
        )
        return dict(found.fetchall())

    def owners(self) -> set[str]:
        """Return who is scoring, or was when it ended without a word."""
        found = self._connection.execute("SELECT owner FROM entries WHERE state = 'scoring'")
        return {owner for (owner,) in found.fetchall()}

    def give_back(self, owner: str) -> int:
        """Let what an owner was scoring wait again, and return how many these are."""
        done = self._connection.execute(
            "UPDATE entries SET state = 'waiting', owner = NULL "
            "WHERE state = 'scoring' AND owner = ?",
            (owner,),
        )
        return done.rowcount

    def finish(self, number: int, score: dict[str, Any], now: str) -> None:
        """Enter the score of what was being scored."""
        self._connection.execute(
            "UPDATE entries SET state = 'scored', score = ?, finished = ? "
            "WHERE id = ? AND state = 'scoring'",
            (json.dumps(score), now, number),
        )

    def refuse(self, number: int, because: Because, reason: str, now: str) -> None:
        """Refuse what waits or was being scored."""
        with self.transaction():
            self._refuse(number, because, reason, now)

    def _refuse(self, number: int, because: Because, reason: str, now: str) -> None:
        self._connection.execute(
            "UPDATE entries SET state = 'refused', because = ?, reason = ?, finished = ? "
            "WHERE id = ? AND state IN ('waiting', 'scoring')",
            (because, reason, now, number),
        )

    def _entries(self, where: str, *values: Any) -> list[LogEntry]:
        found = self._connection.execute(
            "SELECT id, name, sha256, size, arrived, state, metadata, because, reason, score, "
            f"finished FROM entries WHERE {where} ORDER BY arrived, id",
            values,
        )
        return [_entry_of(row) for row in found.fetchall()]

    def settings(self) -> dict[str, Any]:
        """Return what is remembered, by key."""
        found = self._connection.execute("SELECT key, value FROM settings").fetchall()
        return {key: json.loads(value) for key, value in found}

    def remember(self, **values: Any) -> None:
        """Remember settings, in place of those of the same keys."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO settings VALUES (?, ?)",
            [(key, json.dumps(value)) for key, value in values.items()],
        )

    def rules(self) -> Rules:
        """Return the rules that are remembered."""
        return rules_of(self.settings())


@contextlib.contextmanager
def opened_log(path: Path | str, challenge: str) -> Iterator[Log]:
    """Open the log of a challenge, which is made where it is missing (mode 0600).

    Parameters
    ----------
    challenge : str
        SHA-256 of its `encryption.npy`.

    Raises
    ------
    InstaHideError
        When the file is no log, is of another challenge, or cannot be read or written, also
        within the block.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with contextlib.closing(_connect(path)) as connection:
            _prepare(connection, path)
            log = Log(connection)
            _check_challenge(log, path, challenge)
            yield log
    except sqlite3.Error as error:
        raise InstaHideError(
            f"{path} cannot be used as the log of submissions: {error}; if it is damaged, put "
            "a copy of yours in its place"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    with contextlib.suppress(sqlite3.OperationalError):  # some file systems cannot
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new log, and refuse another format."""
    log = Log(connection)
    with log.transaction():
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            for statement in filter(str.strip, TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {LOG_FORMAT}")
    if found not in (0, LOG_FORMAT):
        raise InstaHideError(f"{path} has format {found}, and this program reads {LOG_FORMAT}")


def _check_challenge(log: Log, path: Path, challenge: str) -> None:
    known = log.settings().get(CHALLENGE)
    if known is None:
        log.remember(**{CHALLENGE: challenge})
    elif known != challenge:
        raise InstaHideError(
            f"{path} is the log of another challenge (its encryption.npy begins with "
            f"{known[:8]}, this one's with {challenge[:8]}): move the folder {path.parent} "
            "away, or bring that challenge back"
        )


def _entry_of(row: tuple) -> LogEntry:
    """Return an entry from its columns."""
    *first, metadata, because, reason, score, finished = row
    return LogEntry(
        *first,
        metadata=metadata and Metadata(**json.loads(metadata)),
        because=because or "",
        reason=reason or "",
        score=score and json.loads(score),
        finished=finished or "",
    )
