"""What may happen to a paid instance: its phases, the wait for it, its purchase and its end. Knows no engine."""
