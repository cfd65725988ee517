"""What a user types: the commands of `lprnet`."""
