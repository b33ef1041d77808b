"""The parts of all vendors' clients: one HTTP client, its errors, and the rule about credentials."""
