"""Put the workflow into the package when it is built; all else stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
#: What `instahide run` needs where there is no checkout.
WORKFLOW = ("Snakefile", "workflow", "config", "profiles")


class BuildWithWorkflow(build_py):
    """Build the package with the workflow in `instahide/_workflow`."""

    def run(self):
        """Build, and copy."""
        super().run()
        if self.editable_mode:
            return  # the checkout is at hand
        out = Path(self.build_lib, "instahide", "_workflow")
        for name in WORKFLOW:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, out / name, ignore=ignored, dirs_exist_ok=True)
            else:
                out.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, out)

    def get_source_files(self):
        """Return what is built from, which a source distribution holds."""
        return [*super().get_source_files(), *map(str, workflow_files())]


def workflow_files():
    """Return the workflow's files, relative to the top of the project."""
    found = (path for name in WORKFLOW for path in [Path(name), *Path(name).rglob("*")])
    return sorted(p for p in found if p.is_file() and "__pycache__" not in p.parts)


setup(cmdclass={"build_py": BuildWithWorkflow})
