import torch

from lprnet.network.alphabet import PUBLIC, make_alphabet
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import LPRNet, Widths
from lprnet.network.with_alphabet import with_alphabet
from tests.checkpoints import NARROW, random_checkpoint


def test_new_alphabet_keeps_what_is_known() -> None:
    torch.manual_seed(0)
    old = Checkpoint(LPRNet(len(PUBLIC)).state_dict(), PUBLIC)
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
