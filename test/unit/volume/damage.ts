import fc from "fast-check";
import { expect } from "vitest";
import type { Volume } from "../../../src/volume/volume.js";

/** Changes and cuts a file at random: each gives a volume of the size that it says, or an error that names the file. */
export async function expectSafe(
  bytes: Uint8Array,
  read: (damaged: Uint8Array) => Volume | Promise<Volume>,
  { numRuns = 300, header = bytes.length }: { readonly numRuns?: number; readonly header?: number } = {},
): Promise<void> {
  // Mostly within the header, in which digits become other digits.
  const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 48, max: 57 }));
  const place = fc.oneof(fc.nat(bytes.length - 1), fc.nat(header - 1));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(place, byte), { minLength: 1, maxLength: 5 }),
      fc.nat(bytes.length),
      async (changes, cut) => {
        const damaged = bytes.slice(0, changes.length % 2 ? undefined : cut);
        for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
        const before = process.memoryUsage().arrayBuffers;
        try {
          const { size, frames, channels, data } = await read(damaged);
          expect(data).toHaveLength(size[0] * size[1] * size[2] * frames * channels);
        } catch (error) {
          expect((error as Error).name, String(error)).toMatch(/^(Volume|Image)Error$/);
          expect((error as Error).message).toMatch(/^x\./);
        }
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16e6);
      },
    ),
    { numRuns, seed: 11 },
  );
}

/** A header's fields without some of them. */
export function omit<T>(fields: Readonly<Record<string, T>>, ...keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));
}
