import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import torch
from click.testing import CliRunner

from device_runtime.errors import FatalError
from lprnet.cli import main
from lprnet.data.dataset import MAX_LABEL, Labelled, check_labels, from_csv, from_folder
from lprnet.data.loader import batches
from lprnet.data.mixture import Mixture, to_input
from lprnet.data.split import split
from lprnet.network.alphabet import OWN, PUBLIC, make_alphabet
from lprnet.network.checkpoint import load_checkpoint, save_checkpoint
from lprnet.network.model import LPRNet, Widths
from lprnet.network.with_alphabet import with_alphabet
from lprnet.plates import render
from lprnet.plates.kinds import characters_of
from lprnet.training.finetune import can_render
from lprnet.training.train import (
    METRICS,
    STATE,
    WEIGHTS,
    Budget,
    Settings,
    distillation_loss,
    forward,
    learning_rate,
    new_state,
    train,
    train_step,
)
from lprnet.weights import DEFAULT
from tests.checkpoints import NARROW, random_checkpoint

SMALL = Settings(batch=8, workers=0, warmup=4, learning_rate=3e-3, save_seconds=1e9)


def _real(count: int = 4) -> tuple[tuple[np.ndarray, str], ...]:
    return tuple((c.image, c.text) for c in (render(8, i, 0.2, "blue") for i in range(count)))


def test_loss_falls() -> None:
    torch.set_num_threads(1)
    state = new_state(SMALL, len(OWN), 1, None)
    batch = Mixture(1).batch(0, 8)
    losses = [float(train_step(state, SMALL, batch, OWN, 2e-3)[0]) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.isfinite(t).all() for t in state.average.values())


def test_average_follows_the_weights() -> None:
    state = new_state(SMALL, len(OWN), 1, None)
    start = state.average["backbone.0.weight"].clone()
    for i in range(3):
        train_step(state, SMALL, Mixture(1).batch(8 * i, 8), OWN, 2e-3)
    now, average = state.model.state_dict()["backbone.0.weight"], state.average["backbone.0.weight"]
    assert 0 < (average - start).norm() < (now - start).norm()
    assert int(state.average["backbone.1.num_batches_tracked"]) == 3


def test_distillation_draws_towards_the_teacher(tmp_path: Path) -> None:
    teacher, batch = random_checkpoint(), Mixture(1).batch(0, 8)
    settings = replace(SMALL, distillation=20.0)
    taught = teacher.model()(torch.from_numpy(batch.images)).detach()
    state = new_state(settings, len(OWN), 1, random_checkpoint(seed=1, widths=NARROW).state)
    divergences = []
    for _ in range(8):
        logits = forward(state.model, torch.from_numpy(batch.images))
        divergences.append(float(distillation_loss(logits.detach(), taught)))
        train_step(state, settings, batch, OWN, 3e-3, teacher.model())
    assert divergences[-1] < 0.8 * divergences[0]
    assert float(distillation_loss(taught, taught)) == pytest.approx(0, abs=1e-4)


def test_teacher_of_another_alphabet(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="another alphabet"):
        train(tmp_path, OWN, Mixture(1), Budget(samples=8), SMALL, teacher=random_checkpoint(PUBLIC))


def test_broken_batch_leaves_the_weights_alone() -> None:
    state = new_state(SMALL, len(OWN), 1, None)
    before = state.model.state_dict()["container.0.weight"].clone()
    batch = Mixture(1).batch(0, 8)
    batch.images[:] = np.nan
    train_step(state, SMALL, batch, OWN, 2e-3)
    assert torch.equal(state.model.state_dict()["container.0.weight"], before)


def test_learning_rate_schedule() -> None:
    settings = Settings(warmup=10, learning_rate=1.0)
    assert learning_rate(settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(settings, 100, 0.0) == 1.0
    assert learning_rate(settings, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(settings, 100, 1.0) == pytest.approx(0.0)
    assert learning_rate(settings, 100, 2.0) == pytest.approx(0.0)


def test_resumed_run_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    mixture = Mixture(3, _real(), 0.3, ramp=20)
    whole = train(tmp_path / "whole", OWN, mixture, Budget(samples=32), SMALL)

    class Interrupt(Exception):
        pass

    def raise_at(batch: int) -> None:
        calls = 0
        original = Mixture.raw_batch

        def counted(self: Mixture, start: int, size: int) -> object:
            nonlocal calls
            calls += 1
            if calls > batch:
                raise Interrupt
            return original(self, start, size)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Mixture, "raw_batch", counted)
            every_step = Settings(**{**SMALL.__dict__, "save_seconds": 0.0})
            with pytest.raises(Interrupt):
                train(tmp_path / "parts", OWN, mixture, Budget(samples=32), every_step)

    raise_at(2)
    resumed = train(tmp_path / "parts", OWN, mixture, Budget(samples=32), SMALL)
    for name, tensor in whole.state.items():
        assert torch.equal(tensor, resumed.state[name]), name
    saved = [torch.load(tmp_path / run / STATE, weights_only=True) for run in ("whole", "parts")]
    assert saved[0]["samples"] == saved[1]["samples"] == 32
    assert load_checkpoint(tmp_path / "parts" / WEIGHTS).metadata["samples"] == "32"


def test_finished_run_does_no_more_steps(tmp_path: Path) -> None:
    train(tmp_path, OWN, Mixture(1), Budget(samples=8), SMALL)
    train(tmp_path, OWN, Mixture(1), Budget(samples=8), SMALL)
    assert torch.load(tmp_path / STATE, weights_only=True)["samples"] == 8


def test_deadline_ends_a_run(tmp_path: Path) -> None:
    train(tmp_path, OWN, Mixture(1), Budget(deadline=time.time() - 1), SMALL)
    assert not (tmp_path / STATE).exists()


def test_damaged_state(tmp_path: Path) -> None:
    train(tmp_path, OWN, Mixture(1), Budget(samples=8), SMALL)
    data = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(data[: len(data) // 2])
    with pytest.raises(FatalError, match=r"state\.pt: damaged"):
        train(tmp_path, OWN, Mixture(1), Budget(samples=16), SMALL)


def test_state_of_another_alphabet(tmp_path: Path) -> None:
    train(tmp_path, OWN, Mixture(1), Budget(samples=8), SMALL)
    with pytest.raises(FatalError, match="another alphabet"):
        train(tmp_path, PUBLIC, Mixture(1), Budget(samples=16), SMALL)


def test_loader_gives_the_same_batches_from_any_number_of_processes() -> None:
    cv2.setNumThreads(1)
    mixture = Mixture(2, _real(), 0.5)
    runs = []
    for workers in (0, 1, 2):
        with batches(mixture, 16, 4, workers) as source:
            runs.append(list(islice(source, 3)))
    for run in runs[1:]:
        for a, b in zip(runs[0], run, strict=True):
            assert a.texts == b.texts
            assert np.array_equal(a.images, b.images)


def test_loader_ends_with_a_killed_trainer() -> None:
    code = """
import os, signal, sys
from lprnet.data.mixture import Mixture
from lprnet.data.loader import batches
with batches(Mixture(2), 0, 4, 1) as source:
    next(source)
    import psutil
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=120)
    workers = [psutil.Process(int(pid)) for pid in killed.stdout.split() if psutil.pid_exists(int(pid))]
    assert killed.returncode == -signal.SIGKILL and killed.stdout.split()
    assert not psutil.wait_procs(workers, timeout=60)[1]


def test_mixture_respects_its_shares() -> None:
    real = (*_real(3), (render(8, 5, 0.0, "blue").image, "藏A00000"))
    texts = [Mixture(4, real, 0.5).sample(i)[1] for i in range(200)]
    assert 60 < sum(t in {t for _, t in real} for t in texts) < 140
    assert Mixture(4, ramp=100).strength(0) < Mixture(4, ramp=100).strength(50) < 1.0
    assert Mixture(4, ramp=100).strength(100) == Mixture(4).strength(0) == 1.0


def test_frequent_provinces_are_drawn_less_than_they_occur() -> None:
    image = render(8, 0).image
    real = (*((image, "皖A0000" + str(i)) for i in range(9)), (image, "苏A00000"))
    firsts = [Mixture(4, real, 1.0).sample(i)[1][0] for i in range(400)]
    assert 60 < firsts.count("苏") < 140  # one quarter, not one tenth


def test_input_is_what_the_board_computes() -> None:
    from device_runtime.read.preprocess import prepare

    images = np.stack([render(1, i).image for i in range(3)])
    expected = np.empty((1, 3, 24, 94), np.float32)
    for image, tensor in zip(images, to_input(images), strict=True):
        prepare(image, expected)
        assert np.array_equal(tensor, expected[0])


def test_folder_labels(tmp_path: Path) -> None:
    for name in ("京A12345.png", "京A12345_2.png", "notes.txt"):
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.zeros((24, 94, 3), np.uint8))[1].tobytes())
    assert [item.text for item in from_folder(tmp_path)] == ["京A12345", "京A12345"]
    with pytest.raises(FatalError, match="no such folder"):
        from_folder(tmp_path / "none")


def test_csv_labels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((24, 94, 3), np.uint8))
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile,label\na.png,京A12345\n\n", encoding="utf-8")
    assert from_csv(table, tmp_path) == [Labelled(tmp_path / "a.png", "京A12345")]
    for text, why in (
        ("a.png\n", "not two fields"),
        ("b.png,京A12345\n", "no file"),
        ("", "no rows"),
        ("a.png,\n", "two"),
    ):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(FatalError, match=why):
            from_csv(table, tmp_path)
    table.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FatalError, match="UTF-8 CSV"):
        from_csv(table, tmp_path)


def test_labels_that_cannot_be_learnt() -> None:
    check_labels([Labelled(Path("x.png"), "京A12345")], OWN)
    with pytest.raises(FatalError, match="'é' is not in the alphabet"):
        check_labels([Labelled(Path("x.png"), "京Aé")], OWN)
    for text in ("", "1" * (MAX_LABEL + 1)):
        with pytest.raises(FatalError, match=f"{len(text)} characters"):
            check_labels([Labelled(Path("x.png"), text)], OWN)


def test_split_is_even_and_stable() -> None:
    items = [Labelled(Path(f"{i}.png"), "京") for i in range(100)]
    parts = split(items, 0.1)
    assert len(parts.held_out) == 10 and len(parts.train) == 90
    assert set(parts.train) | set(parts.held_out) == set(items)
    assert split(items, 0.0).held_out == []
    with pytest.raises(FatalError, match="none left"):
        split([], 0.1)


def test_new_alphabet_keeps_what_is_known() -> None:
    from lprnet.network.checkpoint import Checkpoint

    torch.manual_seed(0)
    old = Checkpoint(LPRNet(len(PUBLIC)).state_dict(), PUBLIC, "")
    classes = make_alphabet("ÄB1" + "京")
    state = with_alphabet(old, classes)
    LPRNet(len(classes)).load_state_dict(state)
    b, new_b = PUBLIC.characters.index("B"), 1
    assert torch.equal(state["backbone.20.weight"][new_b], old.state["backbone.20.weight"][b])
    assert torch.equal(state["backbone.0.weight"], old.state["backbone.0.weight"])
    head, old_head = state["container.0.weight"], old.state["container.0.weight"]
    assert torch.equal(head[new_b, :448], old_head[b, :448])
    assert head[new_b, 448 + 2] == old_head[b, 448 + PUBLIC.characters.index("1")]
    assert head[classes.blank, 448 + classes.blank] == old_head[67, 448 + 67]
    same = with_alphabet(old, PUBLIC)
    assert all(torch.equal(same[k], v) for k, v in old.state.items())


def test_new_alphabet_for_a_pruned_network() -> None:
    old = random_checkpoint(PUBLIC, widths=NARROW)
    classes = make_alphabet("0123456789AB")
    state = with_alphabet(old, classes)
    assert Widths.of(state) == NARROW
    assert torch.equal(state["backbone.20.weight"], old.state["backbone.20.weight"])
    row = PUBLIC.characters.index("7")
    assert torch.equal(state["container.0.weight"][7], old.state["container.0.weight"][row])
    LPRNet(len(classes), widths=NARROW).load_state_dict(state)


def test_which_alphabets_can_be_rendered() -> None:
    assert can_render(OWN)
    assert not can_render(PUBLIC)  # no 警
    assert can_render(PUBLIC, "blue") and can_render(PUBLIC, "eu")
    assert not can_render(OWN, "eu")  # no I, no O


def _lprnet(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lprnet.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def test_command_stops_cleanly_and_goes_on(tmp_path: Path) -> None:
    """The signal goes to all its processes, as a terminal and a service manager send it."""
    command = [sys.executable, "-m", "lprnet.cli", "train", "--output", str(tmp_path / "run"), "--hours", "1"]
    process = subprocess.Popen(
        [*command, "--batch", "4"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    metrics = tmp_path / "run" / METRICS
    deadline = time.monotonic() + 300
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.2)
    workers = psutil.Process(process.pid).children()
    assert workers
    os.killpg(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert not psutil.wait_procs(workers, timeout=30)[1]
    line = json.loads(metrics.read_text().splitlines()[0])
    assert line["step"] == 100 and line["samples"] == 400 and np.isfinite(line["loss"])
    first = torch.load(tmp_path / "run" / STATE, weights_only=True)
    assert first["samples"] >= 400
    again = _lprnet(
        "train", "--output", str(tmp_path / "run"), "--samples", str(first["samples"] + 4), "--batch", "4"
    )
    assert again.returncode == 0, again.stderr
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["samples"] == first["samples"] + 4


def test_finetune_command(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for i in range(12):
        crop = render(8, i, 0.2, "blue")
        cv2.imencode(".png", crop.image)[1].tofile(tmp_path / "data" / f"{crop.text}.png")
    torch.manual_seed(0)
    metadata = {"pruned from": "another", "samples": "7"}
    save_checkpoint(tmp_path / "start.safetensors", LPRNet(len(OWN)).state_dict(), OWN, metadata)
    result = _lprnet(
        "finetune",
        "--data",
        str(tmp_path / "data"),
        "--weights",
        str(tmp_path / "start.safetensors"),
        "--output",
        str(tmp_path / "run"),
        "--samples",
        "16",
        "--batch",
        "8",
        "--workers",
        "0",
    )
    assert result.returncode == 0, result.stderr
    tuned = load_checkpoint(tmp_path / "run" / WEIGHTS)
    assert tuned.alphabet == OWN
    assert tuned.metadata["started from"] == load_checkpoint(tmp_path / "start.safetensors").sha256
    assert (tuned.metadata["pruned from"], tuned.metadata["samples"]) == ("another", "16")
    last = json.loads((tmp_path / "run" / METRICS).read_text().splitlines()[-1])
    assert "held out" in last


def test_finetune_weighs_the_teacher(tmp_path: Path) -> None:
    """The loss holds the teacher's part times its weight; without a teacher there is nothing to weigh."""
    teacher = random_checkpoint(seed=3)
    save_checkpoint(tmp_path / "teacher.safetensors", teacher.state, OWN)
    plates, losses = tmp_path / "plates", []
    samples = CliRunner().invoke(main, ["samples", "--kind", "blue", "--count", "4", "--out", str(plates)])
    assert samples.exit_code == 0, samples.output
    common = ["finetune", "--data", str(plates), "--samples", "202", "--batch", "2", "--workers", "0"]
    common += ["--held-out", "0", "--seed", "3"]
    for weight in ([], ["--distillation", "1"], ["--distillation", "20"]):
        run = tmp_path / f"run{len(losses)}"
        arguments = [*common, "--output", str(run), "--teacher", str(tmp_path / "teacher.safetensors")]
        result = _lprnet(*arguments, *weight)
        assert result.returncode == 0, result.stderr
        losses.append(json.loads((run / METRICS).read_text().splitlines()[0])["loss"])
    assert losses[0] == losses[1] < losses[2]
    result = _lprnet(*common, "--output", str(tmp_path / "none"), "--distillation", "2")
    assert result.returncode != 0 and len(result.stderr.strip().splitlines()) == 1
    assert "--teacher" in result.stderr and not (tmp_path / "none").exists()


def test_finetune_to_another_country(tmp_path: Path) -> None:
    """From the shipped classes to letters and digits, on rendered plates and a folder of them."""
    plates, run = tmp_path / "plates", tmp_path / "run"
    samples = CliRunner().invoke(main, ["samples", "--kind", "eu", "--count", "10", "--out", str(plates)])
    assert samples.exit_code == 0, samples.output
    data = ["--data", str(plates), "--alphabet", "0-9A-Z", "--kind", "eu", "--output", str(run)]
    result = _lprnet("finetune", *data, "--samples", "32", "--batch", "8", "--workers", "0")
    assert result.returncode == 0, result.stderr
    tuned = load_checkpoint(run / WEIGHTS)
    assert tuned.alphabet == make_alphabet("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    before = with_alphabet(load_checkpoint(DEFAULT), tuned.alphabet, 2)
    assert any(not torch.equal(tuned.state[name], tensor) for name, tensor in before.items())
    measured = _lprnet("eval", "--weights", str(run / WEIGHTS), "--rendered", "5", "--kind", "eu")
    assert "rendered eu: n 5" in measured.stdout, measured.stderr


def test_mixture_renders_the_kind_it_is_told_to() -> None:
    texts = [Mixture(2, kind="eu").sample(i)[1] for i in range(20)]
    assert set("".join(texts)) <= characters_of("eu")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("train", "--output", "{}/run"), "not given once"),
        (("train", "--output", "{}/run", "--hours", "1", "--samples", "5"), "not given once"),
        (("train", "--output", "{}/run", "--until", "25:00"), "not a time"),
        (("train", "--output", "{}/run", "--samples", "5", "--real", "{}/none"), "no such folder"),
        (("finetune", "--data", "{}/none", "--output", "{}/run", "--samples", "5"), "no such folder"),
        (("train", "--output", "{}/run", "--samples", "5", "--kind", "purple"), "no such kind"),
        (("train", "--output", "{}/run", "--samples", "5", "--kind", "eu"), "lacks characters"),
        (("train", "--output", "{}/run", "--samples", "5", "--alphabet", "Z-A"), "runs backwards"),
        (("finetune", "--data", "{}", "--output", "{}/run", "--samples", "5", "--kind", "eu"), "lacks"),
        (("eval",), "none given"),
        (("eval", "--rendered", "5", "--kind", "purple"), "no such kind"),
        (("eval", "--data", "{}/none"), "no such folder"),
        (("sheet", "--out", "{}/x.png", "--kind", "purple"), "no such kind"),
        (("samples", "--out", "{}/run", "--kind", "purple"), "no such kind"),
    ],
)
def test_bad_arguments_are_one_line(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    (tmp_path / "京A12345.png").write_bytes(cv2.imencode(".png", render(1, 1).image)[1].tobytes())
    result = CliRunner().invoke(main, [a.format(tmp_path) for a in arguments])
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
