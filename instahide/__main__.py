"""Run the command line as `python -m instahide`."""

from instahide.cli import main

if __name__ == "__main__":
    main()
