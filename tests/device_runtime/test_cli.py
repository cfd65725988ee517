from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime import cli
from device_runtime.bundle.manifest import Manifest, read_manifest
from device_runtime.configuration import Configuration
from device_runtime.locate.locator import Search
from device_runtime.read.engine import Engine
from device_runtime.read.looks import Look, seen
from device_runtime.report.report import REPORT
from device_runtime.run import Options
from device_runtime.sources.image import Image, read_image

Seal = Callable[[Path, Manifest], Manifest]
LPR_RUN = [sys.executable, "-m", "device_runtime.cli"]


class Run:
    """What one `lpr-run` in this process printed and returned."""

    def __init__(self, capfd: pytest.CaptureFixture[str], *arguments: object) -> None:
        argv, sys.argv = sys.argv, ["lpr-run", *map(str, arguments)]
        try:
            cli.main()
            self.status = 0
        except SystemExit as done:
            self.status = int(done.code or 0)
        finally:
            sys.argv = argv
        self.out, self.err = capfd.readouterr()


@pytest.fixture
def plates(pristine_bundle: Path, tmp_path: Path) -> Path:
    """A folder of two images, named as the bundle reads them."""
    folder = tmp_path / "plates"
    folder.mkdir()
    engine = Engine.open(pristine_bundle)
    for image in engine.golden().images:
        encoded = cv2.imencode(".png", image)[1]
        (folder / f"{engine.read(image).plate}.png").write_bytes(encoded.tobytes())
    return folder


def one_line(text: str, start: str) -> bool:
    return text.startswith(start) and text.count("\n") == 1 and text.endswith("\n")


def test_prints_plates_and_a_summary(
    pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(capfd, "--bundle", pristine_bundle, "--crop", "--images", plates, "--labels", "name")
    lines = run.out.splitlines()
    assert run.status == 0
    assert sorted(line.split()[0] for line in lines[:2]) == sorted(path.stem for path in plates.iterdir())
    assert all(" ok " in line for line in lines[:2])
    assert lines[2].startswith("2 read, 0 unreadable, ")
    assert lines[3] == "accuracy 2/2 = 1.000, without province 2/2 = 1.000"
    assert lines[4].split() == ["ms", "p50", "p90", "p99"]
    assert [line.split()[0] for line in lines[5:]] == ["read", "preprocess", "infer", "decode", "total"]
    assert run.err == ""


def test_wrong_plates_are_shown_with_the_truth(
    pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = next(plates.iterdir())
    first.rename(plates / "京Z99999.png")
    run = Run(capfd, "--bundle", pristine_bundle, "--crop", "--images", plates, "--labels", "name")
    assert "≠ 京Z99999" in run.out
    assert "accuracy 1/2 = 0.500" in run.out


def test_json_lines(pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str]) -> None:
    images = sorted(plates.iterdir())
    run = Run(capfd, "--bundle", pristine_bundle, "--crop", "--images", *images, "--json", "--labels", "name")
    found = [json.loads(line) for line in run.out.splitlines()]
    assert [line["source"] for line in found] == [str(path) for path in images]
    for line in found:
        assert line["plate"] == line["truth"] == "".join(c["character"] for c in line["characters"])
        assert line["correct"] is True
        assert line["confidence"] == pytest.approx(
            np.prod([c["confidence"] for c in line["characters"]]), abs=1e-5
        )
        assert list(line["timings_ms"]) == ["read", "preprocess", "infer", "decode", "total"]
    assert run.status == 0


def test_json_without_labels_has_no_truth(
    pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(
        capfd,
        "--json",
        "--crop",
        "--images",
        next(plates.iterdir()),
        "--bundle",
        pristine_bundle,
        "--no-grammar",
    )
    assert not {"truth", "correct"} & set(json.loads(run.out))


def test_the_grammar_is_of_the_countries_that_are_named(
    pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--json", "--crop", "--images", next(plates.iterdir()), "--bundle", pristine_bundle)
    assert Run(capfd, *arguments, "--country", "cn", "--grammar").status == 0
    unknown = Run(capfd, *arguments, "--country", "cn", "--country", "atlantis")
    assert unknown.status == 2
    assert len(unknown.err.splitlines()) == 1 and "atlantis" in unknown.err


def test_unreadable_images_are_warned_of_and_counted(
    pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (plates / "empty.jpg").touch()
    (plates / "new\nline.jpg").write_text("no image")
    run = Run(capfd, "--bundle", pristine_bundle, "--crop", "--images", plates, plates / "none.png")
    assert run.status == 1
    assert "2 read, 3 unreadable" in run.out
    assert len(run.err.splitlines()) == 3
    assert all(line.startswith("warning: ") for line in run.err.splitlines())


def test_grey_deep_and_transparent_images_are_read(
    pristine_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name, shape, dtype in (
        ("g", (30, 90), np.uint8),
        ("a", (30, 90, 4), np.uint8),
        ("d", (30, 90, 3), np.uint16),
    ):
        image = rng.integers(0, np.iinfo(dtype).max, shape, dtype)
        (tmp_path / f"{name}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    run = Run(capfd, "--bundle", pristine_bundle, "--crop", "--images", tmp_path)
    assert run.status == 0
    assert "3 read, 0 unreadable" in run.out


def test_report_and_pictures(
    pristine_bundle: Path, plates: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run = Run(
        capfd, "--bundle", pristine_bundle, "--crop", "--images", plates, "--labels", "name", "--grammar",
        "--report", f"file:{out}/report.json", "--save-annotated", out / "pictures",
        "--benchmark", 7, "--warmup", 2, "--threads", 2,
    )  # fmt: skip
    assert run.status == 0
    assert run.out.splitlines()[0].startswith("7 read")
    made = REPORT.read(out / "report.json")
    assert (made.run.n, made.run.source, made.run.threads, made.run.grammar) == (7, "images", 2, True)
    assert made.warmup.n == 2
    assert made.accuracy is not None and made.accuracy.n == 7
    assert made.board.arch == read_manifest(pristine_bundle).target.arch
    names = {path.name for path in (out / "pictures").iterdir()}
    assert names == {"overview.jpg", *(path.name for path in plates.iterdir())}


def test_benchmark_without_images_runs_the_golden_inputs(
    pristine_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(capfd, "--bundle", pristine_bundle, "--benchmark", 5, "--report", f"file:{tmp_path}/r.json")
    assert run.out.splitlines()[0].startswith("5 read")
    made = REPORT.read(tmp_path / "r.json")
    assert made.run.source == "golden"
    assert "read" not in made.stages


def test_golden_inputs_take_one_look_each(
    pristine_bundle: Path, plates: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[Look] = []

    def watched(image: Image, look: Look) -> Image:
        again.append(look)
        return seen(image, look)

    monkeypatch.setattr("device_runtime.read.decoder.seen", watched)
    assert Run(capfd, "--bundle", pristine_bundle, "--benchmark", 4).status == 0
    assert not again
    Run(capfd, "--bundle", pristine_bundle, "--images", plates, "--crop")
    assert again


def test_camera(pristine_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = Engine.open(pristine_bundle)
    golden = engine.golden().images[0]
    frame = np.full((120, 200, 3), 90, np.uint8)
    frame[40:64, 50:144] = golden
    path = tmp_path / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (200, 120))
    for _ in range(12):
        writer.write(frame)
    writer.release()
    run = Run(
        capfd, "--bundle", pristine_bundle, "--camera", path, "--roi", "50,40,94,24", "--json", "--no-follow"
    )
    found = [json.loads(line) for line in run.out.splitlines()]
    assert [line["source"] for line in found] == [f"{path}#{index}" for index in range(1, 13)]
    assert len({line["plate"] for line in found}) == 1
    run = Run(
        capfd, "--bundle", pristine_bundle, "--camera", path, "--roi", "50,40,94,24", "--benchmark", 3,
        "--save-annotated", tmp_path / "pictures",
    )  # fmt: skip
    assert run.out.splitlines()[0].startswith("3 read")
    (picture,) = (tmp_path / "pictures").iterdir()
    assert read_image(picture).shape == frame.shape
    run = Run(capfd, "--bundle", pristine_bundle, "--camera", path, "--roi", "150,40,94,24")
    assert run.status == 2
    assert one_line(run.err, "error: --roi 150,40,94,24: is not within the frame of 200×120")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    run = Run(capfd, "--bundle", pristine_bundle, "--crop", "--camera", path)
    assert run.status == 0
    assert one_line(run.err, f"warning: {path}: ends after ")
    assert " read, 0 unreadable" in run.out


def test_check(pristine_bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = Run(capfd, "--bundle", pristine_bundle, "--check")
    assert run.status == 0
    assert one_line(run.out, "bundle for tiny (fp32) is whole and runs here: 2 golden inputs within ")


def test_check_of_a_bundle_that_finds_plates(located_bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = Run(capfd, "--bundle", located_bundle, "--check")
    assert run.status == 0 and run.out.endswith("; it finds plates, too\n")


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A picture of several kilobytes whose pixels the networks of the tests take for plates."""
    path = tmp_path / "street.png"
    image = np.random.default_rng(0).integers(0, 4, (270, 480, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def test_photographs_give_a_line_a_plate(
    located_bundle: Path, photograph: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grey.png").write_bytes(cv2.imencode(".png", np.zeros((300, 400), np.uint16))[1].tobytes())
    run = Run(
        capfd, "--bundle", located_bundle, "--images", photograph, tmp_path / "grey.png", "--json",
        "--report", f"file:{tmp_path}/r.json", "--save-annotated", tmp_path / "pictures",
    )  # fmt: skip
    assert (run.status, run.err) == (0, "")
    lines = [json.loads(line) for line in run.out.splitlines()]
    assert {line["source"] for line in lines} == {str(photograph), f"{tmp_path}/grey.png"}
    assert len({tuple(line) for line in lines}) == 1
    stages = ["read", "locate", "rectify", "preprocess", "infer", "decode", "total"]
    read = 0
    for line in lines:
        assert list(line["timings_ms"]) == stages
        if line["corners"] is not None:
            assert np.array(line["corners"]).shape == (4, 2) and line["rows"] in (1, 2)
            assert 0.3 <= line["locator"] <= 1
            assert (line["plate"] is None) == (line["unread"] in ("cut", "unsure"))
        read += line["plate"] is not None
    made = REPORT.read(tmp_path / "r.json")
    assert (made.run.n, made.run.plates, list(made.stages)) == (2, read, stages)
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"overview.jpg", "street.png", "grey.png"}
    assert read_image(tmp_path / "pictures" / "street.png").shape == (270, 480, 3)


def test_of_any_frame_a_bounded_number_of_plates_is_read(
    located_bundle: Path, photograph: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(
        capfd, "--bundle", located_bundle, "--images", photograph, "--min-confidence", "0", "--json",
        "--min-plate-width", 20, "--locate-size", 640, "--roi", "0,0,480,0,480,270",
    )  # fmt: skip
    assert run.status == 0, run.err
    assert 1 <= len(run.out.splitlines()) <= Search().most


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("missing", "cannot be read (No such file or directory) – copy the bundle"),
        ("truncated", "instead of"),
        ("of another target", "does not match its SHA-256 in the manifest"),
        ("of another target, as listed", "cannot be loaded"),
    ],
)
def test_a_locator_that_is_not_the_bundles_is_one_line(
    located_bundle: Path, photograph: Path, tmp_path: Path, seal: Seal, capfd: pytest.CaptureFixture[str],
    harm: str, said: str,
) -> None:  # fmt: skip
    broken = Path(shutil.copytree(located_bundle, tmp_path / "broken"))
    path = broken / "locator.so"
    data = bytearray(path.read_bytes())
    # e_machine of the ELF header: EM_RISCV on x86-64 and on ARM.
    data[18] = 243
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-100] if harm == "truncated" else data)
    if harm == "of another target, as listed":
        seal(broken, read_manifest(broken))
    run = Run(capfd, "--bundle", broken, "--images", photograph)
    assert (run.status, run.out) == (2, "")
    assert one_line(run.err, f"error: {path}: ") and said in run.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "lpr-run: has nothing to read"),
        (["--images"], "requires an argument"),
        (["--images", "EMPTY"], "holds no images"),
        (["--images", "x.jpg", "--camera", "0"], "cannot be combined"),
        (["--camera", "97", "--crop"], "camera 97: does not open"),
        (["--camera", "97", "--crop", "--size", "640"], "'640' is not WIDTHxHEIGHT"),
        (["--camera", "97", "--crop", "--fps", "0"], "0.0 is not in the range"),
        (["--camera", "97", "--crop", "--pixel-format", "H264"], "'H264' is not one of"),
        (["--camera", "0", "--labels", "name"], "needs file names"),
        (["--labels", "file", "--check"], "'file' is not"),
        (["--check", "--report", "tcp:x"], "give file:PATH"),
        (["--check", "--report", "file:"], "give file:PATH"),
        (["--images", "x.jpg", "--crop", "--on-plate", "no-such-program", "--follow"], "is no program"),
        (["--images", "x.jpg", "--crop", "--on-plate", "'"], "is no command"),
        (["--images", "x.jpg", "--crop", "--on-plate", ""], "no program is named"),
        (["--images", "x.jpg", "--crop", "--csv", "x.csv"], "--csv: is about events"),
        (["--images", "x.jpg", "--crop", "--webhook", "https://h/"], "--webhook: is about events"),
        (["--images", "x.jpg", "--crop", "--mqtt", "h"], "--mqtt: is about events"),
        (["--images", "x.jpg", "--mqtt", "a b"], "host: is no broker's name or address alone"),
        (["--images", "x.jpg", "--webhook", "ftp://u:p@h/"], "it is no web address; give https://HOST/PATH"),
        (["--images", "x.jpg", "--crop", "--follow", "--allow", "none.txt"], "none.txt: cannot be read"),
        (["--check", "--delay", "never"], "'never' is not a valid float"),
        (["--check", "--pattern", "(A+)+"], "--pattern: pattern repeats a group"),
        (["--check", "--config", "none.toml"], "none.toml: cannot be read"),
        (["--check", "--roi", "1,2,3"], "is not X,Y,W,H"),
        (["--check", "--roi", "1,2,3,0"], "is no region"),
        (["--camera", "0"], "has no locator, so that it reads plates but finds none – give --crop"),
        (["--images", "x.jpg"], "has no locator"),
        (["--images", "x.jpg", "--roi", "1,2,3,4,5,9"], "has no locator"),
        (["--images", "x.jpg", "--crop", "--roi", "1,2,3,4,5,9"], "cannot be combined with a polygon"),
        (["--images", "x.jpg", "--roi", "1,2,3,4", "--locate-size", "640"], "are about finding plates"),
        (["--images", "x.jpg", "--crop", "--min-plate-width", "30"], "leaves nothing to find"),
        (["--check", "--min-confidence", "2"], "2.0 is not in the range"),
        (["--check", "--threads", "0"], "0 is not in the range"),
        (["--check", "--benchmark", "many"], "'many' is not"),
        (["--surprise"], "No such option"),
        (["stray"], "unexpected extra argument"),
    ],
)
def test_wrong_use_is_one_line(
    pristine_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    arguments = [str(tmp_path) if argument == "EMPTY" else argument for argument in arguments]
    run = Run(capfd, "--bundle", pristine_bundle, *arguments)
    assert run.status == 2
    assert run.out == ""
    assert one_line(run.err, "error: ")
    assert said in run.err


def test_a_tampered_bundle_is_one_line(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (bundle / "model.so").open("ab") as file:
        file.write(b"\0")
    run = Run(capfd, "--bundle", bundle, "--check")
    assert run.status == 2
    assert one_line(run.err, f"error: {bundle / 'model.so'}: has ")


def test_help_and_version(capfd: pytest.CaptureFixture[str]) -> None:
    run = Run(capfd, "--help")
    assert run.status == 0
    flags = (
        "config bundle images camera size fps pixel-format crop roi min-confidence min-plate-width "
        "locate-size benchmark labels "
        "json report threads grammar warmup save-annotated check events spool follow delay"
    )
    assert all(f"--{flag}" in run.out for flag in flags.split())
    assert Run(capfd, "--version").out.startswith("lpr-run, version ")


def test_every_option_is_a_setting_or_a_field_of_the_options() -> None:
    fields = {field.name for field in dataclasses.fields(Options)} - {"configuration"}
    settings = [param for param in cli.command.params if isinstance(param, cli.Setting)]
    others = {param.name for param in cli.command.params if not isinstance(param, cli.Setting)}
    assert others == fields | {"config", "version"}
    sections = {name: getattr(Configuration(), name) for name in Configuration.__struct_fields__}
    for one in settings:
        assert one.key in sections[one.section].__struct_fields__
    assert all(isinstance(param, cli.Grouped) for param in cli.command.params if param.name != "version")


def test_a_settings_file_and_options_that_override_it(
    pristine_bundle: Path, plates: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lpr.toml"
    path.write_text("[reader]\ncrop = true\n[output]\njson = true\n[source]\ncamera = '0'\n")
    run = Run(capfd, "--config", path, "--bundle", pristine_bundle, "--images", plates, "--no-json")
    assert run.status == 0 and run.out.splitlines()[2].startswith("2 read")
    path.write_text("[reader]\ncorp = true\n")
    run = Run(capfd, "--config", path, "--images", plates)
    assert run.status == 2 and one_line(run.err, f"error: {path}: [reader]: there is no key corp; is crop")


def test_no_bundle_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LPR_BUNDLE", raising=False)
    run = Run(capfd, "--check")
    assert run.status == 2
    assert one_line(run.err, "error: --bundle: is not given and no bundle is here")


def test_runs_inside_a_bundle_without_arguments(pristine_bundle: Path) -> None:
    # cv2 adds the current folder to LD_LIBRARY_PATH for the children of this process.
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    command = [*LPR_RUN, "--check"]
    done = subprocess.run(command, cwd=pristine_bundle, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_a_run_with_its_summary(pristine_bundle: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "device_runtime.cli",
        "--bundle",
        str(pristine_bundle),
        "--benchmark",
        "100000000",
    ]
    path = tmp_path / "r.json"
    process = subprocess.Popen(
        [*command, "--json", "--report", f"file:{path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert REPORT.read(path).run.n > 0


def test_sigterm_ends_a_run_and_keeps_what_nobody_took(pristine_bundle: Path, tmp_path: Path) -> None:
    report = ["--report", "http://127.0.0.1:1/items", "--spool", str(tmp_path)]
    command = [*LPR_RUN, "--bundle", str(pristine_bundle), "--benchmark", "100000000", "--json", *report]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "cannot be reached" in err and "the rest is sent at the next start" in err
    (spool,) = tmp_path.iterdir()
    (log,) = spool.glob("report-*.log")
    assert '"kind":"report"' in log.read_text()


def test_a_closed_pipe_is_no_error(pristine_bundle: Path) -> None:
    command = f"{' '.join(LPR_RUN)} --bundle {pristine_bundle} --benchmark 20000 --json | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_progress_is_for_terminals(pristine_bundle: Path) -> None:
    leader, follower = os.openpty()
    command = [*LPR_RUN, "--bundle", str(pristine_bundle), "--benchmark", "50"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=follower, text=True, check=True, timeout=60)
    os.close(follower)
    time.sleep(0.05)
    shown = os.read(leader, 4096).decode()
    os.close(leader)
    assert "benchmark" in shown and "100%" in shown
    assert done.stdout.startswith("50 read")
