import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Reads a fixture that tools/convert/make_image_fixtures.py wrote. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8")) as T;
}

/** The bytes of a packed array, at the start of a buffer of their own. */
export function unpack(base64: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

export function sha256(data: NodeJS.ArrayBufferView): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The folder of sample files that may lie beside the project; undefined when it does not. */
export const dataFolder = ((): string | undefined => {
  const folder = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));
  if (existsSync(folder)) return folder;
  console.warn("tests of sample files are skipped: ../shared/data is not there");
  return undefined;
})();
