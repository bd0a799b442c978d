import type { ByteSource } from "./byteSource.js";
import { CheckpointError, type Checkpoint } from "./checkpoint.js";
import { readPth } from "./pth.js";
import { readSafetensors } from "./safetensors.js";

/**
 * Opens a checkpoint by what it holds, whatever its name: safetensors, or what `torch.save` writes. Names are left as they are (see `normaliseKeys`). The checkpoint owns `source`.
 *
 * @throws CheckpointError when it is neither, saying what it looks like.
 */
export function openCheckpoint(source: ByteSource): Checkpoint {
  const start = source.read(0, Math.min(source.size, 64));
  const text = String.fromCharCode(...start);
  // Safetensors start with the length of a JSON object. It may begin with a P and a K, which an archive does too.
  if (text[8] === "{") return readSafetensors(source);
  if (text.startsWith("PK") || text.startsWith("\x80")) return readPth(source);
  source.close();
  throw new CheckpointError(`${source.name}: is no checkpoint: ${describe(text)}`);
}

/** What a file that starts like this is, and what to do. */
function describe(text: string): string {
  if (text === "") return "the file is empty";
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return "it is a web page; download the file itself";
  if (text.startsWith("version https://git-lfs"))
    return "it is a pointer of Git LFS, not the file; fetch that with git lfs pull";
  if (text.startsWith("\x1f\x8b")) return "it is compressed with gzip; unpack it first";
  if (/^\s*[{[]/.test(text)) return "it is JSON; give the file that holds the tensors";
  return "expected safetensors, or what torch.save writes (.pth, .pt, .bin)";
}
