from __future__ import annotations

from host.study import table
from host.study.schema import UNTUNED
from tests.host.study.table_of import RESULTS


def test_every_set_of_weights_has_a_table_with_its_remarks_and_headlines() -> None:
    text = table.markdown(RESULTS)
    shipped, public = text.split("**public**")
    assert "| PyTorch | 2,000 | 500 | 100.0 M | 10.000 | 11.000 | 1.0000 | 0.900 | 0.800 |" in shipped
    assert "- TVM, MetaSchedule's generic search: cannot <measure>" in shipped
    assert "- everything together (tiny): a note" in shipped
    assert "size −90.00 %, time against PyTorch eager −98.00 %" in shipped
    assert f"time against {UNTUNED} −99.80 %, a +5.00 points, b -0.50 points" in shipped
    assert "| PyTorch | – | – | – | 9.000 | – | – | 0.500 | 0.500 |" in public
