import type { ByteSource } from "./byteSource.js";
import { CheckpointError, type Checkpoint } from "./checkpoint.js";
import { readPth } from "./pth.js";
import { readSafetensors } from "./safetensors.js";

/**
 * Opens a checkpoint by what it holds, whatever its name: safetensors, or the ZIP archive of `torch.save`. Names
 * are left as they are (see `normaliseKeys`). The checkpoint owns `source`.
 *
 * @throws CheckpointError when it is neither, saying what it looks like.
 */
export function openCheckpoint(source: ByteSource): Checkpoint {
  const start = source.read(0, Math.min(source.size, 64));
  const text = String.fromCharCode(...start);
  if (text.startsWith("PK\x03\x04")) return readPth(source);
  const reason = unlike(start, text);
  if (reason === undefined) return readSafetensors(source);
  source.close();
  throw new CheckpointError(`${source.name}: is no checkpoint: ${reason}`);
}

/** What a file that is certainly no safetensors looks like. */
function unlike(start: Uint8Array, text: string): string | undefined {
  if (start.length === 0) return "the file is empty";
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return "it is a web page; download the file itself";
  if (text.startsWith("version https://git-lfs"))
    return "it is a pointer of Git LFS; fetch the file with git lfs pull";
  if (text.startsWith("\x80") && start[1] <= 5 && start[8] !== 0x7b)
    return "it is of PyTorch before 1.6; load it there and save it again with torch.save";
  if (text.startsWith("\x1f\x8b")) return "it is compressed with gzip; unpack it first";
  return undefined;
}
