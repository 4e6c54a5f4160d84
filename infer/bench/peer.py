#!/usr/bin/env python3
"""Times the same .tflite files through LiteRT (XNNPACK) and through Winnow,
alternating in the same minute, and prints a table of ratios.

    infer/bench/peer.py [--ours "bin/winnow bench"] [--rounds 20] [--runs 10] MODEL.tflite...

Needs infer/bench/requirements.txt. A round is --runs inferences of LiteRT and as
many of ours, for each number of threads; what counts is the minimum over all
rounds, because everything else on the machine only ever adds time.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def litert(path, threads):
    """An interpreter with an input, warmed up."""
    it = Interpreter(path, num_threads=threads)
    it.allocate_tensors()
    for i in it.get_input_details():
        it.set_tensor(i["index"], np.random.default_rng(0).integers(-128, 128, i["shape"]).astype(i["dtype"]))
    for _ in range(5):
        it.invoke()
    return it


def time_litert(it, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        it.invoke()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def time_ours(command, path, threads, runs):
    out = subprocess.run(command + ["--model", path, "--threads", str(threads), "--runs", str(runs), "--json"],
                         check=True, capture_output=True, text=True).stdout
    ms = json.loads(out)["ms"]
    return ms["min"], ms["median"]


def compare(command, path, threads, rounds, runs):
    it = litert(path, threads)
    theirs, ours, medians = [], [], []
    for _ in range(rounds):
        theirs += time_litert(it, runs)
        least, median = time_ours(command, path, threads, runs)
        ours.append(least)
        medians.append(median)
    return {"model": os.path.basename(path), "threads": threads, "runs": rounds * runs,
            "litert_ms": min(theirs), "litert_median_ms": statistics.median(theirs),
            "ours_ms": min(ours), "ours_median_ms": statistics.median(medians),
            "ratio": min(theirs) / min(ours)}


def cpu():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown CPU"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+")
    p.add_argument("--ours", default="bin/winnow bench", help="command that takes --model --threads --runs --json")
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--runs", type=int, default=10)
    p.add_argument("--threads", default="1,2")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    command = shlex.split(a.ours)
    if not a.json:
        print(f"{time.strftime('%Y-%m-%d')}, {cpu()}, WINNOW_KERNEL={os.environ.get('WINNOW_KERNEL', '')}\n")
        print("| model | threads | LiteRT min (median) ms | ours min (median) ms | LiteRT / ours |\n|---|---|---|---|---|")
    for path in a.models:
        for threads in map(int, a.threads.split(",")):
            r = compare(command, path, threads, a.rounds, a.runs)
            if a.json:
                print(json.dumps(r), flush=True)
                continue
            print(f"| {r['model'].removesuffix('.tflite')} | {threads} | {r['litert_ms']:.2f} ({r['litert_median_ms']:.2f}) "
                  f"| {r['ours_ms']:.2f} ({r['ours_median_ms']:.2f}) | {r['ratio']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
