"""A comparison as a file: CSV, JSON or Parquet, by the end of its name."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.schema import encode
from host.compare.compare import Comparison, Row

KINDS = (".csv", ".json", ".parquet")
COLUMNS = ("of", "to", *Row.__struct_fields__)


def check_export(path: Path) -> None:
    """Refuse early what `export` would refuse after minutes.

    Raises:
        FatalError: it is no such file, or what writes it is not installed.
    """
    if path.suffix not in KINDS:
        raise FatalError(
            f"--export {path}", "is no kind of file that is known", f"end it in {', '.join(KINDS)}"
        )
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise FatalError(
                f"--export {path}", "needs pyarrow", "pip install 'lpr-edge[parquet]', or choose .csv"
            ) from None


def export(comparison: Comparison, path: Path) -> None:
    """Write *comparison*, a row for each metric.

    Raises:
        FatalError: as `check_export`, or the file system refuses.
    """
    check_export(path)
    rows = [
        {"of": comparison.b, "to": comparison.a, **msgspec.structs.asdict(row)} for row in comparison.rows
    ]
    if path.suffix == ".json":
        write_atomic(path, encode(comparison))
    elif path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _inert(value) for key, value in row.items()} for row in rows)
        write_atomic(path, text.getvalue().encode())
    else:
        import pyarrow
        from pyarrow import parquet

        text_columns, whole = ("of", "to", "metric", "unit", "verdict"), ("n", "runs", "more")
        kinds = {name: pyarrow.string() for name in text_columns} | dict.fromkeys(whole, pyarrow.int64())
        schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in COLUMNS])
        data = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), data)
        write_atomic(path, data.getvalue())


def _inert(value: object) -> object:
    """*value*, so that a spreadsheet takes no text for a formula (OWASP, CSV Injection)."""
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )
