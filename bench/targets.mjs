/**
 * What is aimed at: each value is a ratio of medians of one run, or a size. `value` reads it from a run's figures, and
 * gives nothing when something that it needs is absent.
 */
export const TARGETS = [
  {
    name: "native encoder, ViT-B at 1024, by onnxruntime's",
    most: 0.92,
    value: (f) => ratio(f.encode?.ours, f.encode?.onnxruntime),
  },
  {
    name: "native encoder by PyTorch's (eager)",
    most: 0.3,
    value: (f) => ratio(f.encode?.ours, f.encode?.["torch-eager"]),
  },
  {
    name: "native encoder by the limit of its products",
    most: 1.35,
    value: (f) => ratio(f.encode?.ours, f.gemmSeconds?.native),
  },
  { name: "its peak memory, GB", most: 2.0, value: (f) => gigabytes(f.memory?.ours) },
  {
    name: "its first call by the later ones",
    most: 1.3,
    value: (f) => ratio(f.first?.ours, f.encode?.ours),
  },
  {
    name: "native decoder, 16 boxes, by PyTorch's",
    most: 0.45,
    value: (f) => ratio(f.decode?.["16"]?.ours, f.decode?.["16"]?.["torch-eager"]),
  },
  {
    name: "100 boxes by 100/16 of 16 boxes",
    most: 1.1,
    value: (f) => ratio(f.decode?.["100"]?.ours, (100 / 16) * f.decode?.["16"]?.ours),
  },
  {
    name: "WASM encoder, 2 threads, by onnxruntime-web's",
    most: 1.0,
    value: (f) => ratio(f.encodeWasm?.["ours-2"], f.encodeWasm?.["onnxruntime-web-2"]),
  },
  { name: "its peak memory, GB", most: 2.5, value: (f) => gigabytes(f.memory?.["ours-wasm-2"]) },
  {
    name: "WASM encoder, 1 thread, by the limit of its products",
    most: 1.5,
    value: (f) => ratio(f.encodeWasm?.["ours-1"], f.gemmSeconds?.["wasm-1"]),
  },
  {
    name: "load of 375 MB by torch.load and load_state_dict",
    most: 1.0,
    value: (f) => ratio(f.load?.ours, f.load?.["torch-eager"]),
  },
  {
    name: "peak of loading by file and runtime",
    most: 1.3,
    value: (f) => ratio(f.loadPeak?.ours, f.loadPeak?.fileAndRuntime),
  },
  { name: "npm start, once built, seconds", most: 3, value: (f) => f.start },
];

/** Targets with what a run reached. */
export function judge(figures) {
  return TARGETS.map(({ name, most, value }) => {
    const reached = value(figures);
    const known = Number.isFinite(reached);
    return {
      name,
      most,
      reached: known ? reached : null,
      verdict: !known ? "absent" : reached <= most ? "met" : "missed",
    };
  });
}

function ratio(a, b) {
  return a === undefined || b === undefined ? undefined : a / b;
}

function gigabytes(bytes) {
  return bytes === undefined ? undefined : bytes / 1e9;
}
