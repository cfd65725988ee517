"""The machine it runs on: its processor, its name, the target that suits it."""
