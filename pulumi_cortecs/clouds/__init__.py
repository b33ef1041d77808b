"""What the vendors speak: one typed client per cloud, over one HTTP core."""
