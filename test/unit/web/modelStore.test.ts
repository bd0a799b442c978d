import { afterEach, expect, it, vi } from "vitest";
import { deleteModel, keepModel, readModel, storedModels } from "../../../web/workers/modelStore.js";

/** A private file system in memory, which has no room for what `refuses` names. */
function fileSystem(refuses: (name: string) => boolean): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const handleOf = (name: string) => ({
    getFile: () => Promise.resolve(new Blob([files.get(name)!])),
    createWritable: () => {
      let written = new Uint8Array();
      return Promise.resolve({
        write: (bytes: Uint8Array<ArrayBuffer>) => {
          if (refuses(name)) return Promise.reject(new DOMException("no room", "QuotaExceededError"));
          written = bytes.slice();
          return Promise.resolve();
        },
        close: () => Promise.resolve(void files.set(name, written)),
        abort: () => Promise.resolve(),
      });
    },
  });
  const folder = {
    getFileHandle: (name: string, { create = false } = {}) => {
      if (!files.has(name) && !create) return Promise.reject(new DOMException(name, "NotFoundError"));
      if (!files.has(name)) files.set(name, new Uint8Array());
      return Promise.resolve(handleOf(name));
    },
    removeEntry: (name: string) =>
      files.delete(name) ? Promise.resolve() : Promise.reject(new DOMException(name, "NotFoundError")),
    keys: () => files.keys(),
  };
  const root = { getDirectoryHandle: () => Promise.resolve(folder) };
  vi.stubGlobal("navigator", { storage: { getDirectory: () => Promise.resolve(root) } });
  return files;
}

afterEach(() => vi.unstubAllGlobals());

const MODEL = { sha256: "ab12", name: "mine.safetensors", bytes: 3, half: true };
const WEIGHTS = Uint8Array.of(1, 2, 3);

it("keeps a model, lists it, gives its weights back, and deletes all of it", async () => {
  const files = fileSystem(() => false);
  await keepModel(MODEL, WEIGHTS);
  expect(await storedModels()).toEqual([MODEL]);
  expect(await readModel("ab12")).toEqual(WEIGHTS);
  await deleteModel("ab12");
  expect(files.size).toBe(0);
  await expect(readModel("ab12")).rejects.toThrow("open its file again");
});

it.each([".safetensors", ".json"])(
  "leaves nothing behind where there is no room for its %s",
  async (ending) => {
    const files = fileSystem((name) => name.endsWith(ending));
    await expect(keepModel(MODEL, WEIGHTS)).rejects.toThrow("no room");
    expect([...files.keys()]).toEqual([]);
  },
);

it("loses nothing of a model that is there already when there is no room to write it again", async () => {
  let full = false;
  const files = fileSystem((name) => full && name.endsWith(".json"));
  await keepModel(MODEL, WEIGHTS);
  full = true;
  await expect(keepModel({ ...MODEL, name: "again.safetensors" }, WEIGHTS)).rejects.toThrow("no room");
  expect([...files.keys()].sort()).toEqual(["ab12.json", "ab12.safetensors"]);
  expect(await storedModels()).toEqual([MODEL]);
});
