"""The parts of all vendors' clients: one HTTP client, its errors, and the one source of credentials."""
