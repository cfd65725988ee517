"""Items for the host: spooled on disk until it has acknowledged them; sent by file, serial line or HTTP."""
