"""The collector's pages, read from its store.

    /                     boards, worst first, a page at a time; what runs where; the newest events
    /boards/NAME          a board: trends, latency, deliveries, its events
    /events               events, searched by plate and how it looks, a page at a time
    /events/ID            one event with its picture, and plates that look alike
    /benchmarks           reports side by side, as `lpr-host report` shows them
    /crops/ID.jpg         a picture of a plate
    /updates              server-sent events: that something new was stored
    /static/…             style and scripts

A page that shows what is newest is asked for again by live.js when `/updates` says so.
"""
