"""The methods that the engine calls: check, diff, create, read, update, delete."""
