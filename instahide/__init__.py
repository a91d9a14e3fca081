"""InstaHide as a reproducible challenge, with the attacks that measure it.

Nothing is imported here: the workflow and the command line read single modules, and
Snakemake starts many short jobs that should not pay for OpenCV or Zarr.
"""

__version__ = "0.1.0"
