"""What the clients of all vendors are made of: one HTTP core, its errors, and the rule about credentials."""
