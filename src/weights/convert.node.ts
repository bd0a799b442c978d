import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CheckpointError, sizeOf, type Checkpoint, type DType } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import { normaliseKeys } from "./keys.js";
import { fromFloat32, toFloat32 } from "./numbers.js";
import { findCheckpoint, INDEX_ENDING, openCheckpointFile } from "./open.node.js";
import { saveSafetensors } from "./safetensors.node.js";
import type { TensorToWrite } from "./safetensorsWriter.js";

/** Types that floating-point tensors may be written in. */
export type FloatDType = "F32" | "F16" | "BF16";

/** Names and type of what is written. */
export interface ConvertOptions {
  /** Type of the floating-point tensors; default: as they are. Others never change. */
  readonly dtype?: FloatDType;
  /** Whose names the tensors get: the original ones, or those of Hugging Face's class. Default `original`. */
  readonly names?: "original" | "huggingface";
  /** Told the share of the values that is written. */
  readonly onProgress?: (share: number) => void;
}

/** What was converted, and what was renamed, left out, missing or unexpected. */
export interface ConvertReport {
  /** `[name in the input, name in the output]`, where they differ. */
  readonly renamed: readonly (readonly [string, string])[];
  /** Names of the input that were left out: constants that nothing uses, second copies. */
  readonly dropped: readonly string[];
  readonly tensors: number;
  readonly parameters: number;
  /** Size of the output. */
  readonly bytes: number;
}

/**
 * Writes any checkpoint that `openCheckpointFile` reads as safetensors under the original state_dict paths, or
 * those of Hugging Face, a tensor at a time. Node only.
 *
 * @throws CheckpointError when the input cannot be read, the output is the input or no place for a file, or a value
 * does not fit `dtype`.
 */
export function convertCheckpoint(
  input: string,
  output: string,
  options: ConvertOptions = {},
): ConvertReport {
  const { dtype, names = "original", onProgress } = options;
  checkOutput(findCheckpoint(input), output);
  const opened = openCheckpointFile(input);
  try {
    const { checkpoint, renamed: toPaths, dropped, naming } = normaliseKeys(opened);
    const stacks = names === "huggingface" ? naming.stacked : [];
    const stackOf = (path: string) => stacks.find(({ originals }) => originals.includes(path));
    const nameOf = (path: string) =>
      stackOf(path)?.huggingFace ?? (names === "huggingface" ? naming.toHuggingFace(path) : path);
    const givenAs = new Map(toPaths.map(([given, path]) => [path, given]));
    const total = [...checkpoint.tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    let written = 0;
    const tensors = [...checkpoint.tensors].flatMap(([name, info]): TensorToWrite[] => {
      const target = isFloat(info.dtype) ? (dtype ?? info.dtype) : info.dtype;
      const parts = stackOf(name)?.originals.filter((path) => checkpoint.tensors.has(path)) ?? [name];
      if (parts[0] !== name) return []; // written with the first
      const [rows, ...others] = info.shape;
      return [
        {
          name: nameOf(name),
          dtype: target,
          shape: parts.length === 1 ? info.shape : [parts.length * rows, ...others],
          bytes: () => {
            const all = parts.map((path) => convertTensor(checkpoint, path, info.dtype, target));
            written += parts.length * sizeOf(info.shape);
            onProgress?.(written / Math.max(total, 1));
            return all.length === 1 ? all[0] : Buffer.concat(all);
          },
        },
      ];
    });
    const renamed = [...checkpoint.tensors.keys()]
      .map((path) => [givenAs.get(path) ?? path, nameOf(path)] as const)
      .filter(([given, written]) => given !== written);
    saveSafetensors(output, tensors, { ...checkpoint.metadata, format: "pt" });
    return { renamed, dropped, tensors: tensors.length, parameters: total, bytes: statSync(output).size };
  } finally {
    opened.close();
  }
}

/** Converting must not destroy what it converts, nor fail at its end. */
function checkOutput(input: string, output: string): void {
  if (!existsSync(dirname(resolve(output))))
    throw new CheckpointError(`${output}: there is no folder ${dirname(resolve(output))}; make it first`);
  if (!existsSync(output)) return;
  const [from, to] = [input, output].map((path) => statSync(path));
  if (to.isDirectory()) throw new CheckpointError(`${output}: is a folder; name the file to write`);
  if (from.ino === to.ino && from.dev === to.dev)
    throw new CheckpointError(`${output}: is the input itself; give the output another name`);
  if (input.endsWith(INDEX_ENDING) && dirname(resolve(input)) === dirname(resolve(output)))
    throw new CheckpointError(
      `${output}: exists beside the input's index and may be one of its files; give the output another name`,
    );
}

function convertTensor(checkpoint: Checkpoint, name: string, from: DType, to: DType): Uint8Array {
  const bytes = checkpoint.readBytes(name);
  if (from === to) return bytes;
  const values = toFloat32(bytes, from);
  const converted = fromFloat32(values, to as FloatDType);
  const exact = from === "F64" ? new Float64Array(new Uint8Array(bytes).buffer) : values;
  const lost = toFloat32(converted, to).findIndex((value, n) => !isFinite(value) && isFinite(exact[n]));
  if (lost >= 0)
    throw new CheckpointError(
      `${checkpoint.source}: tensor ${quoted(name)} has the value ${exact[lost]}, too large for ${to}; ` +
        `choose ${to === "F16" ? "BF16 or F32" : "no dtype, which keeps it as it is"}`,
    );
  return converted;
}

function isFloat(dtype: DType): boolean {
  return dtype === "F64" || dtype === "F32" || dtype === "F16" || dtype === "BF16";
}
