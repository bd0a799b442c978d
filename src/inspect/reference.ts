import { readConfig, type ModelConfig } from "../model/config.js";
import { CheckpointError, type Checkpoint } from "../weights/checkpoint.js";
import { toFloat32 } from "../weights/numbers.js";
import type { TracedTensor } from "./trace.js";

/** What PyTorch computed: a file that `tools/convert/reference.py` wrote, open for reading. */
export interface ParityReference {
  readonly source: string;
  readonly config: ModelConfig;
  /** Version of PyTorch. */
  readonly torch: string;
  /** Paths of the modules' outputs and named intermediates. */
  readonly paths: readonly string[];
  /** What was trained, where that was recorded too. */
  readonly train?: RecordedTraining;
  /** Whether there is such a tensor. */
  has(name: string): boolean;
  /** Names of all tensors that start so. */
  names(start: string): string[];
  /** A tensor with PyTorch's axes: `input.boxes`, `expected.maps`, or one of `paths`. */
  read(name: string): TracedTensor;
}

/**
 * Steps of AdamW on MedSAM's loss, from the dump's image and box: `train.target` [1, 1, S, S], `train.losses` [steps],
 * and by state_dict path the first gradients, `grad.*`, and the weights after all steps, `after.*`.
 */
export interface RecordedTraining {
  readonly part: "decoder" | "encoder+decoder";
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** Of the dump's own layout, in its metadata. */
const VERSION = 1;
const WANTED = ["input.pixels", "input.image", "input.boxes", "expected.maps"];

/**
 * Reads the head of a dump; its values are read one at a time.
 *
 * @throws CheckpointError when it is no dump, of another version, or lacks what it needs.
 */
export function openReference(file: Checkpoint): ParityReference {
  const { source, tensors, metadata } = file;
  const about = parseCase(metadata["case"]);
  if (about === undefined)
    throw new CheckpointError(
      `${source}: is no reference dump; expected a file that tools/convert/reference.py wrote (a checkpoint goes to --checkpoint)`,
    );
  if (about.version !== VERSION)
    throw new CheckpointError(
      `${source}: is a dump of version ${about.version ?? "none"}; expected ${VERSION}; write it anew with this ` +
        "package's tools/convert/reference.py",
    );
  const missing = WANTED.filter((name) => !tensors.has(name));
  if (missing.length > 0)
    throw new CheckpointError(`${source}: lacks ${missing.join(", ")}; write it anew with reference.py`);
  return {
    source,
    config: readConfig(about.config),
    torch: about.torch,
    ...(about.train !== undefined && { train: about.train }),
    paths: [...tensors.keys()].filter((name) => !/^(input|expected|grad|train|after)\./.test(name)),
    has: (name) => tensors.has(name),
    names: (start) => [...tensors.keys()].filter((name) => name.startsWith(start)),
    read: (name) => {
      const info = tensors.get(name);
      if (info === undefined) throw new CheckpointError(`${source}: has no tensor ${name}`);
      const values = toFloat32(file.readBytes(name), info.dtype);
      if (!values.every(Number.isFinite))
        throw new CheckpointError(
          `${source}: ${name} has values that are not finite, so nothing can be compared with it; the model ` +
            "overflowed in PyTorch, or the file is damaged",
        );
      return { shape: info.shape, values };
    },
  };
}

interface Case {
  readonly version?: number;
  readonly config: unknown;
  readonly torch: string;
  readonly train?: RecordedTraining;
}

function parseCase(text: string | undefined): Case | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Case> | null;
    return value?.config === undefined || value.torch === undefined ? undefined : (value as Case);
  } catch {
    return undefined;
  }
}
