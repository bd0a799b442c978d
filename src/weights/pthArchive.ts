import type { ByteSource } from "./byteSource.js";
import { CheckpointError } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import { PickleBytes } from "./pickleBytes.js";
import { MAX_PICKLE_BYTES, type PickledFile } from "./pickledFile.js";
import { readTorchPickle } from "./torchPickle.js";
import { checkStored, readZipDirectory, readZipMember, type ZipMember } from "./zip.js";

/**
 * Reads what `torch.save` writes since PyTorch 1.6: a ZIP archive with a pickle and a member for each storage.
 *
 * @see torch/serialization.py, `_save`
 * @throws CheckpointError when the archive or the pickle is damaged, or it is not one of `torch.save`.
 */
export function readPthArchive(source: ByteSource): PickledFile {
  const members = readZipDirectory(source);
  const pickle = [...members.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined)
    throw new CheckpointError(
      `${source.name}: is a ZIP archive, but not one of torch.save: it has no data.pkl. Save the state dict in ` +
        `Python: torch.save(model.state_dict(), path)`,
    );
  const folder = pickle.name.slice(0, -"data.pkl".length);
  checkKind(source, members, folder);
  if (pickle.size > MAX_PICKLE_BYTES)
    throw new CheckpointError(
      `${source.name}: its pickle takes ${pickle.size} bytes, more than ${MAX_PICKLE_BYTES}; save the state dict ` +
        `alone: torch.save(model.state_dict(), path)`,
    );
  return {
    root: readTorchPickle(new PickleBytes(readZipMember(source, pickle), source.name)),
    storage({ key }) {
      const member = members.get(`${folder}data/${key}`);
      return (
        member && { size: member.size, read: (from, length) => readZipMember(source, member, from, length) }
      );
    },
  };
}

/** Refuses what has a `data.pkl` too, but cannot be read as it is. */
function checkKind(source: ByteSource, members: ReadonlyMap<string, ZipMember>, folder: string): void {
  if (members.has(`${folder}constants.pkl`))
    throw new CheckpointError(
      `${source.name}: is a TorchScript program, not a state dict. Save its state dict in Python: ` +
        `torch.save(torch.jit.load(path).state_dict(), other)`,
    );
  checkStored(source, members.values());
  const byteOrder = members.get(`${folder}byteorder`);
  if (byteOrder === undefined) return; // before PyTorch 2.1
  const order = new TextDecoder().decode(readZipMember(source, byteOrder, 0, Math.min(byteOrder.size, 16)));
  if (order !== "little")
    throw new CheckpointError(
      `${source.name}: its byte order is ${quoted(order)}, expected "little"; load it in Python on a computer of ` +
        `that order and save it as safetensors`,
    );
}
