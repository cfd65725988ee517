import pytest
from click.testing import CliRunner

from host.cli import main as host_main
from lprnet.cli import main


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0"])
@pytest.mark.parametrize("option", ["--rate", "--distillation", "--hours"])
def test_numbers_that_training_could_not_use_are_refused(option: str, value: str) -> None:
    """With a rate of nan every step would be left out: a run that learns nothing."""
    result = CliRunner().invoke(main, ["finetune", "--data", ".", "--output", "run", option, value])
    assert result.exit_code == 2 and f"Invalid value for '{option}'" in result.output


def test_shares_are_numbers() -> None:
    result = CliRunner().invoke(host_main, ["prune", "--output", "cut.safetensors", "--unstructured", "nan"])
    assert result.exit_code == 2 and "nan is not a finite number" in result.output
