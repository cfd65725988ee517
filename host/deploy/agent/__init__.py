"""What a deployment does on the board: takes the files, checks, switches, restarts, waits, rolls back.

It is packed into one file (`host.deploy.pack`), sent over ssh and run by the board's Python, 3.10 or newer,
with its standard library alone. The host writes a request in a line of JSON; it answers in lines of JSON:
`{"say": …}` and `{"output": …}`, any number of times, then `{"done": …}` or
`{"refused": {"what", "why", "todo", …}}`.

    ROOT/bundles/ID/    a bundle, installed
    ROOT/current        a link to the one that runs
    ROOT/incoming/ID/   one that is being copied
    ROOT/pending.json   a switch that is not confirmed yet: a start of the board takes it back
    ROOT/bad/ID.json    a bundle that failed here, and why
    ROOT/last.json      what became of the last deployment
    ROOT/lock           held by who deploys
    ROOT/board.py       all of this, packed, for the next start of the board

Whatever is cut short, `current` names a bundle that was whole and synced before the link was.
"""
