"""What a board is: profiles in `targets/*.toml`, and the machine at hand."""
