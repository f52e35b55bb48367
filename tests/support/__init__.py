"""What the tests stand on: each part they talk to is a real one, started here and stopped here."""
