"""Proves that a model file opens in LiteRT and gives what the native engine gives.

    python3 -m venv venv && venv/bin/pip install ai-edge-litert==2.3.0 numpy==2.4.6
    venv/bin/python models/library/check_litert.py bin/winnow FILE.tflite [HEIGHTxWIDTH ...]

FILE.tflite may be the encoder, a model package or any other int8 model with one
input. Random pictures go through LiteRT (XNNPACK, one thread) and through
`winnow model run`; every output must be equal byte for byte. Sizes other than
the file's own are tried in LiteRT only, for their shapes. Leaves with 0 if all
is equal, 1 if not.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def litert(path, x, shape):
    """Outputs of the file at path for input x, resized to shape first."""
    it = Interpreter(path, num_threads=1)
    index = it.get_input_details()[0]["index"]
    it.resize_tensor_input(index, shape)
    it.allocate_tensors()
    it.set_tensor(index, x)
    it.invoke()
    return [it.get_tensor(o["index"]) for o in it.get_output_details()]


def ours(winnow, path, x):
    """Outputs of `winnow model run`, in order."""
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        np.save(d / "x.npy", x)
        (d / "out").mkdir()
        subprocess.run([winnow, "model", "run", path, "--input", d / "x.npy", "--output-dir", d / "out"], check=True)
        return [np.load(f) for f in sorted((d / "out").glob("*.npy"))]


def main(winnow, path, *sizes):
    details = Interpreter(path).get_input_details()[0]
    shape = [int(v) for v in details["shape"]]
    failed = False
    for seed in range(3):
        x = np.random.RandomState(seed).randint(-128, 128, shape).astype(np.int8)
        want, got = litert(path, x, shape), ours(winnow, path, x)
        if len(want) != len(got):
            sys.exit(f"LiteRT gives {len(want)} outputs, winnow {len(got)}")
        for i, (a, b) in enumerate(zip(want, got)):
            off = int((a.reshape(-1) != b.reshape(-1)).sum()) if a.size == b.size else a.size
            print(f"seed {seed} output {i} {a.shape}: {off} of {a.size} values differ")
            failed |= off > 0
    for size in sizes:
        h, w = (int(v) for v in size.split("x"))
        x = np.random.RandomState(h).randint(-128, 128, (1, h, w, 3)).astype(np.int8)
        print(size, [o.shape for o in litert(path, x, [1, h, w, 3])])
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
