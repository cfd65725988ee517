"""`lprnet passages`: a bundle and labelled videos → how many events, and how often they are right."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click

from lprnet.commands.options import FILE, FOLDER

LOG = logging.getLogger(__name__)


@click.command("passages")
@click.argument("folder", type=FOLDER)
@click.option("--bundle", type=FOLDER, required=True, help="Bundle folder for this machine.")
@click.option("--config", type=FILE, help="Settings file, as of lpr-run.")
@click.option("--json", "as_json", is_flag=True, help="One object a video, then one for all.")
def passages_command(folder: Path, bundle: Path, config: Path | None, as_json: bool) -> None:
    """Make events of the videos in FOLDER, and compare them with its labels.jsonl."""
    from dataclasses import asdict

    from device_runtime.configuration import configure
    from device_runtime.follow.follower import Follower
    from device_runtime.read.grammar import for_alphabet
    from device_runtime.reader import Reader
    from lprnet.console import track
    from lprnet.evaluation.passages import read_videos, summary_of, watch

    asked = configure(config)
    reader = Reader.open(
        bundle,
        grammar=asked.reader.grammar,
        region=asked.locate.region,
        min_confidence=asked.reader.min_confidence,
        locate_size=asked.locate.size,
        min_plate_width=asked.locate.min_plate_width,
    )
    grammar = for_alphabet(reader.engine.characters).accepts
    videos = read_videos(folder)
    outcomes = []
    for video in track(videos, "videos", len(videos), LOG):
        one = watch(video, folder, reader, Follower(asked.events, grammar))
        outcomes.append(one)
        texts = [event.text for event in one.events]
        if as_json:
            click.echo(json.dumps({"file": video.file, "events": texts, "plates": one.truths}))
        elif not one.counted or one.told < len(one.truths):
            click.echo(f"{video.file}  {' '.join(one.truths)}  →  {' '.join(text or '–' for text in texts)}")
    found = summary_of(outcomes)
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(f"{found.counted} of {found.videos} videos with as many events as plates")
    click.echo(f"{found.told} of {found.plates} plates in an event as they read")
    click.echo(
        f"{found.wrong_events} of {found.events} events say something else, {found.unread_events} nothing"
    )
    click.echo(f"{found.wrong_readings} of {found.readings} readings of single frames say something else")
