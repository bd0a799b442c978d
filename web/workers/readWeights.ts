import { CheckpointError, type Checkpoint, type DType } from "../../src/weights/checkpoint.js";
import { normaliseKeys } from "../../src/weights/keys.js";
import { fromFloat32, toFloat32 } from "../../src/weights/numbers.js";
import { safetensorsBytes, type TensorToWrite } from "../../src/weights/safetensorsWriter.js";
import type { CallContext } from "./rpc.js";

/** Reads a file or an address to its end, with progress. */
export async function readWeights(
  source: File | string,
  { signal, progress }: CallContext,
): Promise<Uint8Array<ArrayBuffer>> {
  const [stream, size] =
    typeof source === "string" ? await openUrl(source, signal) : ([source.stream(), source.size] as const);
  const chunks: Uint8Array[] = [];
  let read = 0;
  const reader = stream.getReader();
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      read += value.length;
      progress(size === 0 ? 0 : Math.min(read / size, 1), "reading");
    }
  } finally {
    await reader.cancel();
  }
  const bytes = new Uint8Array(read);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function openUrl(url: string, signal: AbortSignal) {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new CheckpointError(
      `${url}: cannot be fetched. This page loads from its own origin only, unless it was started with ` +
        "medsam web --allow and that origin, whose server must permit it (CORS). Or download the file and open it",
      { cause: error },
    );
  }
  if (!response.ok || response.body === null)
    throw new CheckpointError(`${url}: the server answered ${response.status} ${response.statusText}`);
  return [response.body, Number(response.headers.get("Content-Length") ?? 0)] as const;
}

/**
 * A checkpoint as safetensors under the original names, single precision rounded to half: half the room on disk.
 * A checkpoint with a value that half precision cannot hold stays as it is.
 */
export function halved(opened: Checkpoint): {
  bytes: Uint8Array<ArrayBuffer>;
  half: boolean;
  /** What normalising the names left out. */
  dropped: readonly string[];
} {
  const { checkpoint, dropped } = normaliseKeys(opened);
  const write = (target: (dtype: DType) => DType) =>
    new Uint8Array(
      safetensorsBytes(
        [...checkpoint.tensors].map(([name, { dtype, shape }]): TensorToWrite => {
          const to = target(dtype);
          const bytes = () => (to === dtype ? checkpoint.readBytes(name) : rounded(checkpoint, name, dtype));
          return { name, shape, dtype: to, bytes };
        }),
        checkpoint.metadata,
      ),
    );
  const wide = (dtype: DType) => dtype === "F32" || dtype === "F64";
  try {
    return { bytes: write((dtype) => (wide(dtype) ? "F16" : dtype)), half: true, dropped };
  } catch (error) {
    if (!(error instanceof RangeError) || error.message !== TOO_LARGE) throw error;
    return { bytes: write((dtype) => dtype), half: false, dropped };
  }
}

const TOO_LARGE = "too large for half precision";

function rounded(checkpoint: Checkpoint, name: string, dtype: DType): Uint8Array {
  const values = toFloat32(checkpoint.readBytes(name), dtype);
  if (values.some((value) => Number.isFinite(value) && Math.abs(value) > 65504)) throw new RangeError(TOO_LARGE); // prettier-ignore
  return fromFloat32(values, "F16");
}
