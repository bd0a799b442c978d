import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode.js";
import { ImageError } from "../../../src/image/pixels.js";
import { fixture, unpack } from "./fixtures.js";
import { makePng } from "./makePng.js";

const { files } = fixture<{ files: Record<string, { file: string }> }>("files.json");
const all = new Map<string, Uint8Array>(
  Object.entries(files).map(([name, { file }]) => [name, unpack(file)]),
);
const samples = Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 7919) % 251);
all.set("colour.png", makePng({ width: 40, height: 30, depth: 8, colourType: 2, filter: 4, samples }));
all.set("pages.tif", all.get("pages.tif")!.slice(0, -6)); // without what Pillow fills the last page up with
all.set("deep.png", makePng({ width: 20, height: 30, depth: 16, colourType: 0, interlaced: true, samples }));

/** Either an image, or an `ImageError` that names the file. */
async function attempt(bytes: Uint8Array, name: string): Promise<"read" | "refused"> {
  try {
    await decodeImage(bytes, name);
    return "read";
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    expect((error as Error).message).toMatch(new RegExp(`^${name}`));
    return "refused";
  }
}

test.each([...all])("%s, cut off anywhere, is refused", async (name, bytes) => {
  const step = Math.max(1, Math.floor(bytes.length / 150));
  for (let length = 0; length < bytes.length; length += step) {
    const outcome = await attempt(bytes.slice(0, length), name);
    expect(outcome, `${length} of ${bytes.length} bytes`).toBe("refused");
  }
  expect(await attempt(bytes.slice(0, -1), name)).toBe("refused");
});

test.each([...all])("%s with changed bytes is read or refused", async (name, bytes) => {
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const damaged = bytes.slice();
      for (const [at, value] of changes) damaged[at] = value;
      await attempt(damaged, name);
    }),
    { numRuns: 150, seed: 5 },
  );
});

test("every changed bit of a PNG's chunks is noticed", async () => {
  const bytes = makePng({ width: 5, height: 4, depth: 8, colourType: 0, samples });
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    expect(await attempt(damaged, "a.png"), `bit ${bit}`).toBe("refused");
  }
});

test("sizes that a header only claims are refused before memory is taken", async () => {
  const before = process.memoryUsage.rss();
  const jpeg = all.get("colour-420.jpg")!.slice();
  const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
  new DataView(jpeg.buffer).setUint32(frame + 5, 65000 * 65537);
  await expect(decodeImage(jpeg, "huge.jpg")).rejects.toThrow(
    /^huge.jpg: 65000 x 65000 pixels are more than/,
  );

  for (const [tag, message] of [
    [256, /pixels are more than the limit/],
    [258, /.*/],
    [273, /cut off|not read/],
    [279, /cut off/],
  ] as const) {
    const tiff = all.get("grey.tif")!.slice();
    const view = new DataView(tiff.buffer);
    const start = view.getUint32(4, true);
    for (let at = start + 2; at < start + 2 + 12 * view.getUint16(start, true); at += 12)
      if (view.getUint16(at, true) === tag) {
        view.setUint16(at + 2, 4, true); // one 32-bit number
        view.setUint32(at + 8, 0x7fffffff, true);
      }
    await expect(decodeImage(tiff, "huge.tif")).rejects.toThrow(message);
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
});
