"""A contestant: the exported encoder in onnxruntime's Python package. See contestant.mjs for what it speaks."""

import json
import sys
import time

import numpy as np
import onnxruntime

THREADS, MODEL = int(sys.argv[1]), sys.argv[2]


def main():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    begin = time.perf_counter()
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    load = time.perf_counter() - begin
    print(json.dumps({"ready": True, "version": onnxruntime.__version__, "load": load}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        pixels = np.fromfile(task["pixels"], dtype="<f4").reshape(1, 3, 1024, 1024)
        begin = time.perf_counter()
        (embedding,) = session.run(None, {"pixels": pixels})
        seconds = time.perf_counter() - begin
        if task.get("save"):
            embedding.astype("<f4").tofile(task["save"])
        print(json.dumps({"seconds": seconds}), flush=True)


main()
