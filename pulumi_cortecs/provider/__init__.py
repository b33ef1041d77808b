"""What the engine calls: check, diff, create, read, update, delete."""
