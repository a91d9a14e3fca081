"""Run `snakemake --lint`, and end with 1 where it finds what is not expected; `make lint`."""

import re
import subprocess
import sys

#: How findings begin that are left, and why.
LEFT = {
    "Specify a conda environment or container for each rule": (
        "one environment with exact versions serves all rules: requirements.lock, whose "
        "versions count in the digests of the rules (instahide/codehash.py)"
    ),
    "Environment variable PYTHONPATH used but not asserted": (
        "nobody has to set it: jobs are told here where the package is"
    ),
    "Mixed rules and functions in same snakefile": (
        "asked.smk is meant, which has no rules: what somebody asked for is looked at there"
    ),
}
FINDING = re.compile(r"^    \* (?P<text>.+?):?$")
PLACE = re.compile(r"^Lints for (?P<place>.+):$")


def unexpected(report: str) -> list[str]:
    """Return the findings of a report that no reason is given for, each with its place."""
    place, found = "", []
    for line in report.splitlines():
        if heading := PLACE.match(line):
            place = heading["place"]
        elif (finding := FINDING.match(line)) and not finding["text"].startswith(tuple(LEFT)):
            found.append(f"{place}: {finding['text']}")
    return found


def main() -> int:
    """Print what is unexpected; return 1 where there is something."""
    done = subprocess.run(["snakemake", "--lint"], capture_output=True, encoding="utf-8")
    report = done.stdout + done.stderr
    if done.returncode and "Lints for" not in report:
        print(report, file=sys.stderr)  # it did not come to linting
        return 1
    found = unexpected(report)
    print("\n".join(found) or "snakemake --lint: nothing that is not left on purpose")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
