"""What the resources of every cloud share on the side of the program."""
