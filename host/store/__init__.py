"""Everything boards have sent, kept in SQLite or PostgreSQL; the collector and its pages are built on it.

    with open_store("sqlite:///lpr.db") as store:            or "postgresql:///lpr"
        item = received(data, "gate")                        bytes → Received; FatalError names the field
        accepted = store.add("gate", [item])                 returns once it is committed
        future = store.submit("gate", [item])                the same, for asyncio.wrap_future
        wanted = Search(plate="粤B12345", distance=1)
        page = store.events(wanted)                          newest first
        page = store.events(wanted, before=page.next)
        new = store.events_after(last)                       oldest first, for what is shown live

| module | what |
| --- | --- |
| `store` | `open_store`, `Store`: all that others call, from any thread |
| `received` | `received`, `of_body` → `Received`: what came, checked and in columns |
| `values` | what `Store` gives: `Accepted`, `Page`, `StoredEvent`, `StoredHealth`, `Board` … |
| `faults` | `Unavailable`: the database is away, full, locked or damaged; `Busy`: too much is waiting |

Idempotent: an item whose id its board has sent before is accepted and not stored again, nor is one that says
the same (the event of the same passage, the health report of the same run and time …): boards send one thing
to several destinations under several ids.

Ids rise in the order of commits, whichever collector wrote: who has seen `id` has seen all below. Times are
UTC. `time` is the board's clock, `received_at` the collector's, and `at`, which pages are ordered by, the
better of the two: the board's where a time server had set its clock and it does not lie in the future.

What a newer board says beyond the columns is kept: `raw` is the item as it came. Kinds and versions that are
not known here are kept too, see `Store.others`.
"""
