"""`python -m pulumi_cortecs.cli`: the same command where it is not on the path."""

from pulumi_cortecs.cli import main

main()
