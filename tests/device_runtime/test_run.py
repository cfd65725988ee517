from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from device_runtime.bundle.golden import read_golden
from device_runtime.bundle.manifest import read_manifest
from device_runtime.configuration import Configuration, Override, configure
from device_runtime.errors import FatalError
from device_runtime.read.engine import Engine
from device_runtime.report.report import REPORT
from device_runtime.run import Options, run
from device_runtime.sources.image import read_image
from host.endure.web_host import Host, serving
from tests.device_runtime.kept import Kept


def configuration(**tables: dict[str, Any]) -> Configuration:
    """What a settings file with these sections says."""
    return configure(
        overrides=[
            Override(f"--{key}", section, key, value)
            for section, table in tables.items()
            for key, value in table.items()
        ]
    )


def asked(bundle: Path, options: dict[str, Any], **tables: dict[str, Any]) -> Options:
    """*options* with a bundle and settings."""
    tables["reader"] = {"bundle": str(bundle)} | tables.get("reader", {})
    return Options(configuration=configuration(**tables), **options)


@pytest.fixture(scope="module")
def engine(pristine_bundle: Path) -> Engine:
    return Engine.open(pristine_bundle)


@pytest.fixture
def plates(engine: Engine, tmp_path: Path) -> Path:
    """A folder of two images, named as the bundle reads them."""
    folder = tmp_path / "plates"
    folder.mkdir()
    for image in engine.golden().images:
        encoded = cv2.imencode(".png", image)[1]
        (folder / f"{engine.read(image).plate}.png").write_bytes(encoded.tobytes())
    return folder


@pytest.mark.parametrize("crop", [True, False])
def test_a_region_is_the_plate_without_a_locator(
    pristine_bundle: Path, engine: Engine, tmp_path: Path, crop: bool
) -> None:
    """Pictures, too, show the part of the frame that was read."""
    frame = np.full((60, 120, 3), 90, np.uint8)
    frame[20:44, 10:104] = engine.golden().images[0]
    (tmp_path / "frame.png").write_bytes(cv2.imencode(".png", frame)[1].tobytes())
    kept = Kept()
    options = asked(
        pristine_bundle,
        {"images": (tmp_path / "frame.png",)},
        locate={"roi": "10,20,94,24"},
        reader={"crop": crop},
        output={"annotated": str(tmp_path / "pictures"), "json": True},
    )
    assert run(options, kept) == 0
    (result,) = kept.results
    (plate,) = result.plates
    assert np.array_equal(plate.image, frame[20:44, 10:104])
    assert np.shares_memory(plate.image, result.frame.image)
    assert plate.text == engine.read(engine.golden().images[0]).plate
    assert read_image(tmp_path / "pictures" / "frame.png").shape == (152, 376, 3)


def test_logits_are_each_readings_own(pristine_bundle: Path, engine: Engine) -> None:
    kept = Kept()
    assert run(asked(pristine_bundle, {"benchmark": 2}, output={"json": True}), kept) == 0
    golden = read_golden(pristine_bundle, read_manifest(pristine_bundle))
    logits = np.stack([result.plates[0].reading.logits for result in kept.results])
    assert np.abs(logits - golden.logits).max() <= golden.atol


def test_a_video_is_events_or_frames(
    pristine_bundle: Path, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One event for a plate that stays, on the console, as JSON and in a picture; else a line a frame."""
    path = tmp_path / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (94, 24))
    for _ in range(4):
        writer.write(engine.golden().images[0])
    writer.release()
    kept = Kept()

    def options(follow: bool | None, **output: Any) -> Options:
        source, events = {"camera": str(path)}, {} if follow is None else {"follow": follow}
        tables: dict[str, dict[str, Any]] = {
            "source": source,
            "events": events,
            "reader": {"crop": True},
            "output": output,
        }
        return asked(pristine_bundle, {"benchmark": None, "images": ()}, **tables)

    assert run(options(None, annotated=str(tmp_path / "pictures")), kept) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    (passage,) = kept.told
    assert passage.event.text in first and "4×" in first and second.startswith("4 read, 0 unreadable")
    (picture,) = (tmp_path / "pictures").iterdir()
    assert passage.event.text in picture.name and read_image(picture).shape == (152, 376, 3)
    assert len(kept.results) == 4 and kept.results[0].plates[0].text
    assert run(options(None, json=True)) == 0
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told["text"] == passage.event.text and told["readings"] == 4
    assert run(options(False, json=True)) == 0
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 4


def test_images_are_followed_where_the_user_asks(pristine_bundle: Path, plates: Path) -> None:
    kept = Kept()
    for name in ("a.png", "b.png"):
        shutil.copy(next(plates.glob("*.png")), plates.parent / name)
    images = (plates.parent / "a.png", plates.parent / "b.png")
    options = asked(pristine_bundle, {"images": images}, reader={"crop": True}, events={"follow": True})
    assert run(options, kept) == 0
    (passage,) = kept.told
    assert passage.event.readings == 2 and passage.event.duration_s == pytest.approx(0.1)


def test_reports_and_events_arrive(pristine_bundle: Path, plates: Path, tmp_path: Path) -> None:
    """Both are items where they are sent, and have one spool where they go to one host."""
    first, second = sorted(plates.iterdir())
    shutil.copy(first, second)
    with serving(Host()) as host:
        address = f"http://127.0.0.1:{host.server_address[1]}/items"
        options = asked(
            pristine_bundle,
            {"images": (plates,)},
            reader={"crop": True},
            events={"follow": True},
            delivery={"events": address, "report": address, "spool": str(tmp_path / "spool")},
        )
        assert run(options) == 0
    assert sorted(item.kind for item in host.stored) == ["event", "report"]
    assert len(list((tmp_path / "spool").iterdir())) == 1
    (report,) = [item.body for item in host.stored if item.kind == "report"]
    assert report["run"]["n"] == 2 and report["stages"]["delay"]["n"] == 2


def test_an_unreadable_file_is_a_warning_and_status_1(
    pristine_bundle: Path, plates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (plates / "empty.jpg").touch()
    kept = Kept()
    assert run(asked(pristine_bundle, {"images": (plates,)}, reader={"crop": True}), kept) == 1
    assert (len(kept.results), len(kept.missed), kept.closed) == (2, 1, 1)
    assert [(r.levelname, r.message.split(" – ")[0]) for r in caplog.records] == [
        ("WARNING", f"{plates / 'empty.jpg'}: is empty")
    ]


def test_ctrl_c_is_status_130_and_reported(pristine_bundle: Path, tmp_path: Path) -> None:
    kept = Kept(KeyboardInterrupt(), at=3)
    options = asked(pristine_bundle, {"benchmark": 100}, delivery={"report": f"file:{tmp_path / 'r.json'}"})
    assert run(options, kept) == 130
    assert kept.closed == 1
    assert REPORT.read(tmp_path / "r.json").run.n == 4


def test_an_error_after_the_first_plate_ends_the_run_in_order(
    pristine_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept(FatalError("disk", "is full", "free some space"), at=1)
    options = asked(pristine_bundle, {"benchmark": 100}, delivery={"report": f"file:{tmp_path / 'r.json'}"})
    assert run(options, kept) == 2
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("ERROR", "disk: is full – free some space")
    ]
    assert capsys.readouterr().out.startswith("2 read")
    assert REPORT.read(tmp_path / "r.json").run.n == 2


@pytest.mark.parametrize(
    ("tables", "wrong", "said"),
    [
        ({}, {}, "has nothing to read"),
        ({"source": {"camera": "0"}}, {"labels": "name"}, "needs file names"),
        (
            {"source": {"camera": "0"}, "reader": {"crop": True}, "locate": {"roi": "0,0,9,0,9,9"}},
            {},
            "combined with a polygon",
        ),
        (
            {"source": {"camera": "0"}, "reader": {"crop": True}, "locate": {"min_plate_width": 30}},
            {},
            "leaves nothing to find",
        ),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    tables: dict[str, dict[str, Any]], wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(FatalError, match=said):
        Options(configuration=configuration(**tables), **wrong)


def test_options_name_their_source() -> None:
    camera = configuration(source={"camera": "0"})
    assert Options(images=(Path("x"),)).source == "images"
    assert Options(images=(Path("x"),), configuration=camera).source == "images"
    assert Options(configuration=camera).source == "camera"
    assert Options(benchmark=3).source == "golden"
