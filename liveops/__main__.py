"""`python -m liveops` is the command line."""

from liveops.cli import main

main()
