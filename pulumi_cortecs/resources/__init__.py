"""What a program declares: arguments and resources, one file per cloud."""
