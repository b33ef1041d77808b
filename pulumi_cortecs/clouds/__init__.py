"""What the vendors speak: one typed client per cloud."""
