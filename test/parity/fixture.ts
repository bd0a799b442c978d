import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { fixtureOf, type Fixture } from "./tensors.js";

export * from "./tensors.js";

/** Where the fixtures lie. */
export const FOLDER = fileURLToPath(new URL("./fixtures/", import.meta.url));

/** Names of the fixtures that begin with `prefix`, without it. */
export function fixtureNames(prefix: string): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".safetensors"))
    .map((name) => name.slice(prefix.length, -".safetensors".length));
}

export function readFixture(name: string): Fixture {
  return readReference(`${FOLDER}${name}.safetensors`);
}

/** A dump of the PyTorch side. */
export function readReference(path: string): Fixture {
  const file = openCheckpointFile(path);
  try {
    return fixtureOf(file);
  } finally {
    file.close();
  }
}
