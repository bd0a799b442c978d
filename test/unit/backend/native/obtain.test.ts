import { strToU8, zipSync } from "fflate";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { NativeError } from "../../../../src/backend/native/nativeError.js";
import { fetchPart, findPip, partBeside } from "../../../../src/backend/native/obtain.node.js";
import type { Part } from "../../../../src/backend/native/parts.js";

// The user's own pip and npm, with a registry of their own on this computer: nothing is downloaded.

const WHEEL = Buffer.from(
  zipSync({
    "tensorflow_none-1.0.dist-info/METADATA": strToU8(
      "Metadata-Version: 2.1\nName: tensorflow-none\nVersion: 1.0\n",
    ),
    "tensorflow_none-1.0.dist-info/WHEEL": strToU8(
      "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_27_x86_64\n",
    ),
    "tensorflow_none-1.0.dist-info/RECORD": strToU8(""),
    "tensorflow/large": [new Uint8Array(4_000_000), { level: 0 }],
  }),
);
const ARCHIVE = Buffer.from("as good as any archive, since nobody unpacks it here");
const part = (of: Partial<Part>, bytes: Buffer): Part => ({
  registry: "pypi",
  name: "tensorflow-none",
  version: "1.0",
  file: "tensorflow_none-1.0-cp311-cp311-manylinux_2_27_x86_64.whl",
  bytes: bytes.length,
  unpacked: 1,
  sha256: createHash("sha256").update(bytes).digest("hex"),
  into: ".",
  ...of,
});
const wheelPart = part({}, WHEEL);
const npmPart = part({ registry: "npm", name: "@some/archive", file: "some-archive-1.0.tgz" }, ARCHIVE);

let serve: (response: ServerResponse, bytes: Buffer) => void;
const whole = (response: ServerResponse, bytes: Buffer) => response.end(bytes);
const server = createServer(({ url = "" }, response) => {
  const { port } = server.address() as AddressInfo;
  if (url.endsWith(".whl")) serve(response.setHeader("content-length", WHEEL.length), WHEEL);
  else if (url.endsWith(".tgz")) serve(response.setHeader("content-length", ARCHIVE.length), ARCHIVE);
  else if (url.startsWith("/simple/"))
    response.setHeader("content-type", "text/html").end(`<a href="/${wheelPart.file}">${wheelPart.file}</a>`);
  else
    response.end(
      JSON.stringify({
        name: npmPart.name,
        "dist-tags": { latest: "1.0.0" },
        versions: {
          "1.0.0": {
            name: npmPart.name,
            version: "1.0.0",
            dist: { tarball: `http://127.0.0.1:${port}/archive.tgz` },
          },
        },
      }),
    );
});

// A computer may have no Python, and needs none for the rest of the tests.
const python = await findPip().catch(() => undefined);
if (python === undefined)
  console.warn("obtain.test.ts: what pip does is skipped; there is no Python with pip");

let folder = "";
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "medsam-obtain-"));
  const { port } = server.address() as AddressInfo;
  const registries = {
    PIP_CONFIG_FILE: "/dev/null",
    PIP_INDEX_URL: `http://127.0.0.1:${port}/simple/`,
    PIP_EXTRA_INDEX_URL: "",
    PIP_FIND_LINKS: "",
    PIP_RETRIES: "0",
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: "0",
    npm_config_cache: join(folder, "npm"),
  };
  for (const [name, value] of Object.entries(registries)) vi.stubEnv(name, value);
  serve = whole;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => server.close());

const fetching = (what: Part, more = {}) =>
  fetchPart(what, { python, folder: join(folder, "download"), ...more });

/** The message of the NativeError that `running` ends with. */
async function messageOf(running: Promise<unknown>): Promise<string> {
  const error: unknown = await running.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NativeError);
  expect((error as Error).message).not.toContain("\n");
  return (error as Error).message;
}

test.skipIf(python === undefined)("pip fetches a wheel, whichever Python it is for", async () => {
  const path = await fetching(wheelPart);
  expect(path).toBe(join(folder, "download", wheelPart.file));
  expect(existsSync(path)).toBe(true);
});

test("npm fetches an archive", async () => {
  expect(existsSync(await fetching({ ...npmPart, version: "1.0.0", file: "some-archive-1.0.0.tgz" }))).toBe(
    true,
  );
});

test.skipIf(python === undefined)("tells how much is there", async () => {
  const shares: number[] = [];
  serve = (response, bytes) => {
    response.write(bytes.subarray(0, bytes.length / 2));
    setTimeout(() => response.end(bytes.subarray(bytes.length / 2)), 1500);
  };
  await fetching(wheelPart, { onProgress: (share: number) => shares.push(share) });
  expect(shares.some((share) => share > 0.1 && share < 0.6)).toBe(true);
});

test.skipIf(python === undefined)("an interrupted download is one line with the next step", async () => {
  serve = (response, bytes) => {
    response.write(bytes.subarray(0, 1000));
    setTimeout(() => response.destroy(), 100);
  };
  expect(await messageOf(fetching(wheelPart))).toMatch(
    /^pip could not fetch tensorflow-none 1\.0: .*--wheel$/,
  );
});

test.skipIf(python === undefined)("no network is one line with the next step", async () => {
  vi.stubEnv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/");
  vi.stubEnv("npm_config_registry", "http://127.0.0.1:9/");
  expect(await messageOf(fetching(wheelPart))).toMatch(/^pip could not fetch .*Check the network/);
  expect(await messageOf(fetching(npmPart))).toMatch(/^npm could not fetch .*Check the network/);
});

test.skipIf(python === undefined)("other bytes than the pinned ones are refused and removed", async () => {
  const other = { ...wheelPart, sha256: "0".repeat(64) };
  const message = await messageOf(fetching(other));
  expect(message).toContain(`SHA-256 is ${wheelPart.sha256}, expected ${other.sha256}. Try again`);
  expect(existsSync(join(folder, "download"))).toBe(false);
});

test.skipIf(python === undefined)("a stop ends pip, and only then comes back", async () => {
  const stop = new AbortController();
  const closed = new Promise((resolve) => {
    serve = (response, bytes) => {
      response.on("close", resolve).write(bytes.subarray(0, 1000));
      setTimeout(() => stop.abort(new Error("interrupted")), 300);
    };
  });
  await expect(fetching(wheelPart, { signal: stop.signal })).rejects.toThrow("interrupted");
  await closed;
});

test("takes what lies beside a given wheel, whatever the wheel's name, and checks it", async () => {
  const given = join(folder, "tf.whl");
  expect(await messageOf(partBeside(wheelPart, given))).toContain(
    `no such file; expected the wheel ${wheelPart.file}`,
  );
  writeFileSync(given, WHEEL);
  expect(await partBeside(wheelPart, given)).toBe(given);
  expect(await partBeside(npmPart, given)).toBeUndefined();
  writeFileSync(join(folder, npmPart.file), ARCHIVE);
  expect(await partBeside(npmPart, given)).toBe(join(folder, npmPart.file));

  writeFileSync(given, WHEEL.subarray(0, 1000));
  expect(await messageOf(partBeside(wheelPart, given))).toMatch(
    new RegExp(`damaged, or another file: 1000 bytes, expected ${WHEEL.length}.*python3 -m pip download`),
  );
  writeFileSync(given, Buffer.alloc(WHEEL.length));
  expect(await messageOf(partBeside(wheelPart, given))).toContain("damaged, or another file: SHA-256");
});

test("without Python, or without pip, says what to install", async () => {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  vi.stubEnv("PATH", bin);
  expect(await messageOf(findPip())).toMatch(/^Python was not found.*apt install python3-pip.*--wheel$/);
  // A Python without pip answers its version and fails at the rest.
  writeFileSync(join(bin, "python3"), '#!/bin/sh\n[ "$1" = --version ]\n', { mode: 0o755 });
  expect(await messageOf(findPip())).toMatch(/^python3 has no pip.*apt install python3-pip.*--wheel$/);
});
