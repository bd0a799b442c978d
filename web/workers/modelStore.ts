// Models in the browser's private file system, by the hash of the file that they came from.

/** A model that was kept. */
export interface StoredModel {
  readonly sha256: string;
  /** File name or URL that it came from. */
  readonly name: string;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Whether the values were rounded to half precision. */
  readonly half: boolean;
}

async function folder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle("models", { create: true });
}

const weightsOf = (sha256: string) => `${sha256}.safetensors`;
const factsOf = (sha256: string) => `${sha256}.json`;

/** All models that were kept; none where the browser has no private file system. */
export async function storedModels(): Promise<StoredModel[]> {
  const models: StoredModel[] = [];
  try {
    // TypeScript's DOM types lack the iterator.
    const files = (await folder()) as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };
    for await (const name of files.keys()) {
      if (!name.endsWith(".json")) continue;
      const file = await (await files.getFileHandle(name)).getFile();
      models.push(JSON.parse(await file.text()) as StoredModel);
    }
  } catch {
    // A private window may have none; then nothing was kept.
  }
  return models.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Keeps a model. What is not written to its end leaves nothing behind.
 *
 * @throws what the browser gives when there is no room; it has several words for that.
 */
export async function keepModel(model: StoredModel, weights: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    await write(weightsOf(model.sha256), weights);
    // Last, so that a model is only listed when its weights are there.
    await write(factsOf(model.sha256), new TextEncoder().encode(JSON.stringify(model)));
  } catch (error) {
    // What is not listed could not be deleted either.
    if (!(await has(await folder(), factsOf(model.sha256)))) await deleteModel(model.sha256);
    throw error;
  }
}

async function write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const files = await folder();
  const existed = await has(files, name);
  const handle = await files.getFileHandle(name, { create: true });
  const stream = await handle.createWritable();
  try {
    // Into a copy that takes the file's place when it is closed.
    await stream.write(bytes);
    await stream.close();
  } catch (error) {
    await stream.abort().catch(() => undefined);
    if (!existed) await files.removeEntry(name);
    throw error;
  }
}

async function has(files: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  return files.getFileHandle(name).then(
    () => true,
    () => false,
  );
}

/** @throws Error when it is not there any more. */
export async function readModel(sha256: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const file = await (await (await folder()).getFileHandle(weightsOf(sha256))).getFile();
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new Error("the model is not in the browser's private file system any more; open its file again", {
      cause: error,
    });
  }
}

export async function deleteModel(sha256: string): Promise<void> {
  const files = await folder();
  for (const name of [factsOf(sha256), weightsOf(sha256)]) await files.removeEntry(name).catch(() => undefined); // prettier-ignore
}
