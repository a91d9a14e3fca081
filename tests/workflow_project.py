"""A copy of the project with a small configuration, for the tests of the workflow."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from instahide.temporaries import HIDDEN

ROOT = Path(__file__).parents[1]
CONFIG = {
    "image": {"size": 16, "channels": 3},
    "public": {
        "pool": {
            "source": {"bundled": True},
            "crops_per_photo": 8,
            "shards": 2,
            "crop_size": [64, 80],
        }
    },
    "private": {"set": {"source": {"bundled": True}, "images": 20, "seed": 1}},
    "challenges": {
        "challenge": {"private": "set", "public": "pool", "rows_per_image": 2, "seed": 3},
        "inner": {"private": "set", "scheme": "inside", "k": 4, "rows_per_image": 2},
    },
}


def verifications(config: dict = CONFIG) -> list[str]:
    """Return the last files of all challenges before they are scored."""
    return [f"results/{name}/verification.txt" for name in config["challenges"]]


class Project:
    """A copy of the project that tests may edit."""

    prefix: tuple[str, ...] = ()  # of all commands, such as a limit

    def __init__(self, root: Path, config: dict = CONFIG):
        self.root = root
        keep_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
        for name in ("Snakefile", "workflow", "instahide", "config", "profiles"):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=keep_out)
            else:
                shutil.copy(source, root)
        self.configure(config)

    def configure(self, config: dict) -> None:
        (self.root / "config/config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, sys.executable, "-m", "snakemake", *arguments]

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": "", "XDG_CACHE_HOME": str(self.root / ".cache")}

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            capture_output=True,
            encoding="utf-8",
            env=self.environment(),
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def stale(self, *targets: str) -> set[str]:
        """Return the rules that would run now, by default for all verifications."""
        config = yaml.safe_load((self.root / "config/config.yaml").read_text(encoding="utf-8"))
        done = self.run("--dry-run", *(targets or verifications(config)))
        counts = re.findall(r"^([a-z_]+) +\d+$", done.stdout + done.stderr, re.MULTILINE)
        return set(counts) - {"all", "total"}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def digests(self, challenge: str = "challenge") -> dict[str, str]:
        """Return the digests of a challenge's files, secrets included, without scores."""
        return {
            name: digest
            for name, digest in self.all_digests(challenge).items()
            if not name.startswith("attacks/")
        }

    def all_digests(self, folder: str = "") -> dict[str, str]:
        """Return the digests of all results, or of those in a folder, without logs.

        What a killed job leaves half written has a hidden name, and is no result.
        """
        root = self.root / "results" / folder
        found = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
        return {
            str(path): hashlib.sha256((root / path).read_bytes()).hexdigest()
            for path in sorted(found)
            if "logs" not in path.parts and not any(map(HIDDEN.fullmatch, path.parts))
        }
