import signal
import subprocess
import sys
from itertools import islice

import cv2
import numpy as np
import psutil

from lprnet.data.loader import batches
from lprnet.data.mixture import Mixture
from tests.lprnet.helpers import real_crops


def test_loader_gives_the_same_batches_from_any_number_of_processes() -> None:
    cv2.setNumThreads(1)
    mixture = Mixture(2, real=real_crops(), real_fraction=0.5)
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


def test_a_worker_computes_with_pytorch_whatever_the_trainer_did_before() -> None:
    """A worker that counted on the trainer's threads would wait for them."""
    code = """
import torch
from lprnet.data.loader import raw_batches
from lprnet.threads import limit_threads
class Sums:
    def raw_batch(self, start, size):
        return torch.nn.functional.conv2d(torch.ones(1, 8, 64, 64), torch.ones(8, 8, 3, 3)).sum().item()
limit_threads(2)
expected = Sums().raw_batch(0, 1)
with raw_batches(Sums(), 0, 1, 1) as source:
    assert next(source) == expected
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
