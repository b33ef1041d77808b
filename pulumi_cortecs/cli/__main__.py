"""`python -m pulumi_cortecs.cli`: the same command, for environments without it on the path."""

from pulumi_cortecs.cli import main

main()
