"""The commands of the command line, by topic.

Each imports what it needs when it runs, so that `instahide --help` is quick.
"""
