"""The pipelines there are, and what the benchmark must know of them before it loads one."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "lpr-edge"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another pipeline, which comes as a Python package.

    Attributes:
        module: its `load`, see `host.bench.pipelines`.
        packages: installed as they are, without what they ask for; the first one's version is shown.
        needs: installed before them, with what they ask for.
    """

    module: str
    packages: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def distribution(self) -> str:
        """Name of the package whose version is shown."""
        return self.packages[0].partition("==")[0]


OUR_MODULE = "host.bench.pipelines.ours"

_OPENCV = "opencv-python-headless==4.14.0.94"
"""OpenCV 5 reads no Caffe networks, and these packages were written for 4."""

PEERS: dict[str, Peer] = {
    "hyperlpr": Peer(
        module="host.bench.pipelines.hyperlpr_peer",
        packages=("hyperlpr2==2.0.0",),
        needs=(_OPENCV, "numpy", "msgspec"),
    ),
    "agentclpr": Peer(
        module="host.bench.pipelines.agentclpr_peer",
        packages=("agentclpr==1.1.0", "agentocr==2.0.0"),
        needs=(
            _OPENCV,
            "numpy",
            "msgspec",
            "onnxruntime==1.32.0",
            "pillow",
            "pyclipper",
            "shapely",
            "six",
            "wget",
            # Python 3.13 dropped the module.
            "standard-imghdr; python_version >= '3.13'",
        ),
    ),
}
