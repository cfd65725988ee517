import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from device_runtime.errors import FatalError
from lprnet.network.alphabet import OWN, PUBLIC, make_alphabet, read_class_list
from lprnet.network.checkpoint import Source, load_checkpoint, load_to_train, save_checkpoint
from lprnet.network.model import LPRNet
from tests.checkpoints import NARROW, random_checkpoint


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return LPRNet(len(OWN)).state_dict()


@pytest.fixture
def good(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / "good.safetensors"
    save_checkpoint(path, state, OWN, {"trained": "here"})
    return path


def test_round_trip(good: Path, state: dict[str, torch.Tensor]) -> None:
    checkpoint = load_checkpoint(good)
    assert checkpoint.alphabet == OWN
    assert checkpoint.metadata == {"trained": "here"}
    assert checkpoint.sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    assert checkpoint.state.keys() == state.keys()
    assert all(torch.equal(checkpoint.state[name], tensor) for name, tensor in state.items())
    assert not checkpoint.model().training


def test_half_precision_becomes_single(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(halves, tmp_path / "half.safetensors", {"alphabet": OWN.to_json()})
    checkpoint = load_checkpoint(tmp_path / "half.safetensors")
    assert checkpoint.state["backbone.0.weight"].dtype == torch.float32


def test_public_format(tmp_path: Path) -> None:
    model = LPRNet(68)
    torch.save(model.state_dict(), tmp_path / "public.pth")
    checkpoint = load_checkpoint(tmp_path / "public.pth")
    assert checkpoint.alphabet == PUBLIC
    assert torch.equal(checkpoint.state["container.0.weight"], model.state_dict()["container.0.weight"])


def test_public_checkpoint_before_zip_files(tmp_path: Path) -> None:
    torch.save(LPRNet(68).state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert len(load_checkpoint(tmp_path / "old.pth").alphabet) == 68


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="no such file"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(FatalError, match=r"folder\.pth.*directory"):
        load_checkpoint(tmp_path / "folder.pth")


def test_what_a_file_holds_decides_and_not_its_suffix(good: Path, tmp_path: Path) -> None:
    torch.save(LPRNet(68).state_dict(), tmp_path / "public.safetensors")
    assert load_checkpoint(tmp_path / "public.safetensors").alphabet == PUBLIC
    assert load_checkpoint(good.rename(tmp_path / "good.pth.tar")).alphabet == OWN


@pytest.mark.parametrize("keep", [0, 5, 100, 0.5, 0.99])
def test_truncated_safetensors(good: Path, keep: float) -> None:
    data = good.read_bytes()
    good.write_bytes(data[: int(keep if keep == int(keep) else keep * len(data))])
    with pytest.raises(FatalError, match="truncated"):
        load_checkpoint(good)


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_pth(tmp_path: Path, keep: float, zipped: bool) -> None:
    path = tmp_path / "public.pth"
    torch.save(LPRNet(68).state_dict(), path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep == int(keep) else keep * len(data))])
    with pytest.raises(FatalError, match=r"truncated|damaged"):
        load_checkpoint(path)


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("raw", [True, False])
def test_pickled_code_does_not_run(tmp_path: Path, raw: bool) -> None:
    path, proof = tmp_path / "evil.pth", tmp_path / "executed"
    if raw:
        path.write_bytes(pickle.dumps({"backbone.0.weight": _Touch(proof)}))
    else:
        torch.save({"backbone.0.weight": _Touch(proof)}, path)
    with pytest.raises(FatalError, match="pickled code"):
        load_checkpoint(path)
    assert not proof.exists()


def test_pickled_model(tmp_path: Path) -> None:
    torch.save(LPRNet(68), tmp_path / "whole.pth")
    with pytest.raises(FatalError, match="pickled code"):
        load_checkpoint(tmp_path / "whole.pth")


def test_pth_without_tensors(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(FatalError, match="not a table of named tensors"):
        load_checkpoint(tmp_path / "other.pth")


def test_pth_of_another_class_count(tmp_path: Path) -> None:
    torch.save(LPRNet(70).state_dict(), tmp_path / "seventy.pth")
    with pytest.raises(FatalError, match="70 classes and no alphabet"):
        load_checkpoint(tmp_path / "seventy.pth")


def test_alphabet_of_another_class_count(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "short.safetensors"
    save_file(state, path, {"alphabet": PUBLIC.to_json()})
    with pytest.raises(FatalError, match="73 classes, but its alphabet has 68"):
        load_checkpoint(path)


@pytest.mark.parametrize("metadata", [None, {}, {"other": "x"}])
def test_no_alphabet(tmp_path: Path, state: dict[str, torch.Tensor], metadata: dict[str, str] | None) -> None:
    save_file(state, tmp_path / "bare.safetensors", metadata)
    with pytest.raises(FatalError, match="no alphabet"):
        load_checkpoint(tmp_path / "bare.safetensors")


def test_bad_alphabet_names_the_file(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(state, tmp_path / "odd.safetensors", {"alphabet": '["a", "a"]'})
    with pytest.raises(FatalError, match=r"odd\.safetensors: alphabet: listed twice"):
        load_checkpoint(tmp_path / "odd.safetensors")


def test_missing_parameter(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    rest = {k: v for k, v in state.items() if k != "backbone.4.block.0.bias"}
    save_file(rest, tmp_path / "less.safetensors", {"alphabet": OWN.to_json()})
    with pytest.raises(FatalError, match=r"lacks 1 parameters, first backbone\.4\.block\.0\.bias"):
        load_checkpoint(tmp_path / "less.safetensors")


def test_odd_parameter(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(
        {**state, "head.weight": torch.ones(1)}, tmp_path / "more.safetensors", {"alphabet": OWN.to_json()}
    )
    with pytest.raises(FatalError, match=r"1 parameters too many, first head\.weight"):
        load_checkpoint(tmp_path / "more.safetensors")


def test_odd_shape(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    changed = {**state, "backbone.0.weight": torch.ones(64, 1, 3, 3)}
    save_file(changed, tmp_path / "grey.safetensors", {"alphabet": OWN.to_json()})
    with pytest.raises(FatalError, match=r"backbone\.0\.weight is \(64, 1, 3, 3\), not \(64, 3, 3, 3\)"):
        load_checkpoint(tmp_path / "grey.safetensors")


def test_pruned_checkpoint_returns_as_it_was(tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "narrow.safetensors", random_checkpoint(widths=NARROW)
    save_checkpoint(path, checkpoint.state, OWN)
    loaded = load_checkpoint(path)
    assert all(torch.equal(loaded.state[name], t) for name, t in checkpoint.state.items())
    image = torch.rand(1, 3, 24, 94)
    assert torch.equal(loaded.model()(image), checkpoint.model()(image))


@pytest.mark.parametrize(
    ("name", "shape", "error"),
    [
        ("backbone.8.block.0.weight", (48, 128, 1, 1), "impossible shapes"),
        ("backbone.16.weight", (), "impossible shapes"),
        ("backbone.12.weight", (77,), r"backbone\.12\.weight is \(77,\), not \(208,\)"),
    ],
)
def test_widths_that_do_not_fit(tmp_path: Path, name: str, shape: tuple[int, ...], error: str) -> None:
    state = {**random_checkpoint(widths=NARROW).state, name: torch.ones(shape)}
    save_file(state, tmp_path / "x.safetensors", {"alphabet": OWN.to_json()})
    with pytest.raises(FatalError, match=error):
        load_checkpoint(tmp_path / "x.safetensors")


def test_not_finite(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    changed = {**state, "backbone.0.bias": torch.full((64,), float("nan"))}
    save_file(changed, tmp_path / "nan.safetensors", {"alphabet": OWN.to_json()})
    with pytest.raises(FatalError, match=r"backbone\.0\.bias is not finite"):
        load_checkpoint(tmp_path / "nan.safetensors")


def test_save_checks_the_class_count(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(FatalError, match="73 classes"):
        save_checkpoint(tmp_path / "x.safetensors", state, make_alphabet("AB"))
    assert not list(tmp_path.iterdir())


def test_disk_full_leaves_the_old_file(good: Path, state: dict[str, torch.Tensor]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    before = good.read_bytes()
    with pytest.raises(FatalError):
        save_checkpoint(Path("/dev/full/x.safetensors"), state, OWN)
    assert good.read_bytes() == before


def test_classes_to_train_are_a_foreign_checkpoints_own_or_new_ones(good: Path, tmp_path: Path) -> None:
    wanted = Source(classes=read_class_list("0-9A-Z"))
    torch.save(LPRNet(37).state_dict(), tmp_path / "theirs.pth")
    start, classes = load_to_train(tmp_path / "theirs.pth", wanted)
    assert start.alphabet == classes == make_alphabet("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    torch.save(LPRNet(68).state_dict(), tmp_path / "public.pth")
    for path, alphabet in ((good, OWN), (tmp_path / "public.pth", PUBLIC)):
        start, found = load_to_train(path, wanted)
        assert (start.alphabet, found) == (alphabet, classes)
    torch.save(LPRNet(70).state_dict(), tmp_path / "odd.pth")
    with pytest.raises(FatalError, match="37 classes with its blank -, but the network has 70"):
        load_to_train(tmp_path / "odd.pth", wanted)


def test_a_blank_that_is_not_the_last_class_is_kept(tmp_path: Path) -> None:
    alphabet = read_class_list("0-9A-Z").alphabet("first")
    save_checkpoint(tmp_path / "x.safetensors", LPRNet(37).state_dict(), alphabet)
    assert load_checkpoint(tmp_path / "x.safetensors").alphabet == alphabet
