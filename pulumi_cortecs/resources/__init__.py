"""The common part of every cloud's resources, in the program's process."""
