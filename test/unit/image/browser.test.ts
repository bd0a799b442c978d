import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import vm from "node:vm";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../../src/image/decode.js";
import type { LabelImage, PixelImage } from "../../../src/image/pixels.js";
import { dataFolder, fixture, unpack } from "./fixtures.js";

const { files } = fixture<{ files: Record<string, { file: string }> }>("files.json");

/** What the bundle offers, inside the context. */
interface Room {
  decodeImage(bytes: Uint8Array, name: string): Promise<PixelImage>;
  decodeLabels(bytes: Uint8Array, name: string): Promise<LabelImage>;
  encodePng(image: PixelImage): Uint8Array;
}
let room: Room;

/**
 * A context with what a worker in a browser has, as far as the room needs it: no Buffer, no process, no require,
 * and nothing to fetch with.
 */
beforeAll(async () => {
  const result = await build({
    stdin: {
      contents: 'export * from "./src/image/decode.js"; export * from "./src/image/encode.js";',
      resolveDir: process.cwd(),
      loader: "ts",
    },
    ...{ bundle: true, write: false, platform: "browser", format: "iife", globalName: "room" },
    external: ["fs", "path"], // of the JPEG codec, which asks for them in Node only
    logLevel: "silent",
  });
  const context = vm.createContext({
    ...{ TextDecoder, TextEncoder, URL, AbortController, setTimeout, clearTimeout, queueMicrotask },
    self: { location: { href: "https://localhost/worker.js" } },
    WorkerGlobalScope: class {},
    console: {}, // printing would be an error
  });
  vm.runInContext(result.outputFiles[0].text, context);
  room = vm.runInContext("room", context) as Room;
});

test.each([
  "colour-420.jpg",
  "grey.jpg",
  "colour-lzw.tif",
  "colour-deflate.tif",
  "deep.tif",
  "palette.png",
  "jpeg.tif",
])("%s is read as in Node", async (name) => {
  const bytes = unpack(files[name].file);
  const image = await room.decodeImage(bytes, name);
  const expected = await decodeImage(bytes, name);
  expect({ ...image, data: [...image.data] }).toEqual({ ...expected, data: [...expected.data] });
});

const faults = dataFolder && join(dataFolder, "faults/tiff");

test.skipIf(faults === undefined || !existsSync(faults))(
  "../shared/data/faults/tiff is read as in Node",
  async () => {
    for (const name of readdirSync(faults!)) {
      const bytes = new Uint8Array(readFileSync(join(faults!, name)));
      const image = await room.decodeImage(bytes, name);
      expect(Array.from(image.data)).toEqual(Array.from((await decodeImage(bytes, name)).data));
      if (!name.startsWith("lab_")) continue;
      const labels = await room.decodeLabels(bytes, name);
      expect(Array.from(labels.data)).toEqual(Array.from((await decodeLabels(bytes, name)).data));
    }
  },
);

test("what is written can be read", async () => {
  const data = Uint8Array.of(0, 50, 100, 150, 200, 250);
  const png = room.encodePng({ width: 3, height: 2, channels: 1, data });
  expect((await decodeImage(Uint8Array.from(png), "a.png")).data).toEqual(data);
});
