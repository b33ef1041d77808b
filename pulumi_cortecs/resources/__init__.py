"""The common part of every cloud's resources, on the side of the program."""
