"""What a user types: a file a command, which parses, calls and prints."""
