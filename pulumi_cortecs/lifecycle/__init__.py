"""The life of a paid instance: its phases, the wait for it, its purchase and its deletion. Knows no engine."""
