"""What is of one cloud: whose credentials, and whose prices."""
