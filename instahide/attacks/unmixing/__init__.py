"""Attacks that unmix rows: what they mix is found by statistics, see docs/whitened.md.

`problem` is what every stage sees and `state` what stages hand on; each other file here is one
stage, and what stages share stands in `parts`.

A wall to keep: no stage's file imports another's, and what other attacks use of this one
(`instahide.attacks.knownpool`) stands in `problem`, `state` and `parts`. A stage re-runs when a
file that it imports changes, so a borrowed function would re-run its borrower with its lender.
"""
