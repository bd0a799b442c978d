import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"; // prettier-ignore
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CheckpointError } from "../../../src/weights/checkpoint.js";
import { hubWeights, type HubOptions } from "../../../src/weights/hub.node.js";
import { chooseWeights, formatHubAddress, parseHubAddress } from "../../../src/weights/hubAddress.js";
import { findOnHub } from "../../../src/weights/hubFetch.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { hubAddressOf, resolveWeights } from "../../../src/weights/resolve.node.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { COMMIT, gitHash, sha256, startHub, TOKEN, type Hub, type Repository } from "./hubServer.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

const WEIGHTS = safetensorsBytes([countingTensor("a", "F32", [50_000])]);
const SHARDS = ["a", "b"].map((name) => safetensorsBytes([countingTensor(name, "F32", [1000])]));
const INDEX = new TextEncoder().encode(
  JSON.stringify({ weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } }),
);

const REPOSITORIES: Readonly<Record<string, Repository>> = {
  "lab/medsam": {
    files: { "model.safetensors": WEIGHTS, "config.json": new TextEncoder().encode("{}") },
    licence: "apache-2.0",
  },
  "lab/sharded": {
    files: {
      "model.safetensors.index.json": INDEX,
      "model-1.safetensors": SHARDS[0],
      "model-2.safetensors": SHARDS[1],
    },
  },
  "lab/private": { files: { "model.safetensors": WEIGHTS }, access: "private" },
  "lab/gated": { files: { "model.safetensors": WEIGHTS }, access: "gated" },
  "lab/none": { files: { "config.json": new Uint8Array(2) } },
};

let hub: Hub;
let home: string;
beforeEach(async () => {
  hub = await startHub(REPOSITORIES);
  home = mkdtempSync(join(tmpdir(), "hub-"));
  for (const name of [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_OFFLINE",
  ])
    // prettier-ignore
    vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("HF_ENDPOINT", `${hub.url}/`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

const fetchWeights = (text: string, options: HubOptions = {}) => hubWeights(parseHubAddress(text)!, options);

/** The message of the CheckpointError that it ends with. */
async function refusal(text: string, options: HubOptions = {}): Promise<string> {
  const error: unknown = await fetchWeights(text, options).then(() => undefined, (reason: unknown) => reason); // prettier-ignore
  expect(error).toBeInstanceOf(CheckpointError);
  return (error as CheckpointError).message;
}

const repositoryFolder = (name = "lab--medsam") => join(home, "hub", `models--${name}`);
const blobs = (name?: string) => readdirSync(join(repositoryFolder(name), "blobs"));
const requestsFor = (part: string) => hub.requests.filter((request) => request.includes(part));

describe("weights on the hub", () => {
  it("are fetched once into the cache that Python shares, with progress, and say what they are", async () => {
    const shares: number[] = [];
    const fetched: unknown[] = [];
    const options = { onProgress: (share: number) => shares.push(share), onFetch: (what: unknown) => fetched.push(what) }; // prettier-ignore
    const weights = await fetchWeights("hf:lab/medsam", options);
    const address = `hf:lab/medsam@${COMMIT}/model.safetensors`;
    const path = join(repositoryFolder(), "snapshots", COMMIT, "model.safetensors");
    const facts = { path, address, size: WEIGHTS.length, hash: sha256(WEIGHTS) };
    expect(weights).toEqual({ ...facts, licence: "apache-2.0" });
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    expect(readFileSync(join(repositoryFolder(), "refs", "main"), "utf8")).toBe(COMMIT);
    expect(blobs()).toEqual([sha256(WEIGHTS)]);
    expect(shares.length).toBeGreaterThan(0);
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    const from = { from: hub.url, address: "hf:lab/medsam/model.safetensors" };
    expect(fetched).toEqual([{ ...from, size: WEIGHTS.length, licence: "apache-2.0" }]);

    hub.requests.length = 0;
    for (const text of ["hf:lab/medsam", "hf://lab/medsam/model.safetensors", address])
      expect(await fetchWeights(text)).toEqual(facts);
    expect(hub.requests).toEqual([]);
  });

  it("in several files are fetched with all of them", async () => {
    const { path, size } = await fetchWeights("hf:lab/sharded");
    const checkpoint = openCheckpointFile(path);
    expect([...checkpoint.tensors.keys()]).toEqual(["a", "b"]);
    checkpoint.close();
    expect(size).toBe(INDEX.length + SHARDS[0].length + SHARDS[1].length);
    expect(blobs("lab--sharded").sort()).toEqual([gitHash(INDEX), ...SHARDS.map(sha256)].sort());
    rmSync(join(repositoryFolder("lab--sharded"), "snapshots", COMMIT, "model-2.safetensors"));
    hub.requests.length = 0;
    await fetchWeights("hf:lab/sharded");
    // The file itself is there still.
    expect(requestsFor("/resolve/")).toEqual([]);
    expect(
      existsSync(join(repositoryFolder("lab--sharded"), "snapshots", COMMIT, "model-2.safetensors")),
    ).toBe(true);
  });

  it("of a revision, and a file of any name", async () => {
    const { address } = await fetchWeights("hf:lab/medsam@refs/pr/1/config.json");
    expect(address).toBe(`hf:lab/medsam@${COMMIT}/config.json`);
    expect(existsSync(join(repositoryFolder(), "refs", "refs", "pr", "1"))).toBe(true);
    expect(await refusal("hf:lab/medsam@v7")).toContain("hf:lab/medsam: has no such revision");
    expect(await refusal("hf:lab/medsam/none.pth")).toContain("hf:lab/medsam: has no file none.pth");
    expect(await refusal("hf:lab/none")).toContain("hf:lab/none: holds no weights at its root");
  });

  it("that Python or anyone has fetched are taken from the cache", async () => {
    const snapshot = join(repositoryFolder("other--model"), "snapshots", COMMIT);
    const [refs, stored] = ["refs", "blobs"].map((part) => join(repositoryFolder("other--model"), part));
    for (const folder of [snapshot, refs, stored]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(refs, "main"), COMMIT);
    writeFileSync(join(stored, sha256(WEIGHTS)), WEIGHTS);
    symlinkSync(`../../blobs/${sha256(WEIGHTS)}`, join(snapshot, "pytorch_model.bin"));
    const { path, hash } = await fetchWeights("hf:other/model");
    expect([path, hash]).toEqual([join(snapshot, "pytorch_model.bin"), sha256(WEIGHTS)]);
    expect(hub.requests).toEqual([]);
  });

  it("are asked for again only where that is wanted, and then fetched only when they are others", async () => {
    await fetchWeights("hf:lab/medsam");
    hub.requests.length = 0;
    await fetchWeights("hf:lab/medsam", { refresh: true });
    expect(hub.requests).toHaveLength(2);
    expect(requestsFor("/resolve/")).toEqual([]);
    hub.trouble.status = 503;
    expect((await fetchWeights("hf:lab/medsam", { refresh: true })).hash).toBe(sha256(WEIGHTS));
    expect(await refusal("hf:lab/sharded")).toMatch(/answered 503; try again later/);
  });

  it("need no network when they are there; without one, what is missing is said", async () => {
    await fetchWeights("hf:lab/medsam");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    hub.requests.length = 0;
    expect((await fetchWeights("hf:lab/medsam", { refresh: true })).size).toBe(WEIGHTS.length);
    const offline = await refusal("hf:lab/sharded");
    expect(offline).toContain(
      `hf:lab/sharded: is not in the cache ${join(home, "hub")}, and HF_HUB_OFFLINE is set`,
    );
    expect(hub.requests).toEqual([]);
    vi.stubEnv("HF_HUB_OFFLINE", "0");
    await hub.close();
    expect((await fetchWeights("hf:lab/medsam", { refresh: true })).size).toBe(WEIGHTS.length);
    expect(await refusal("hf:lab/sharded")).toMatch(/cannot be reached \(ECONNREFUSED\)/);
  });
});

describe("a connection that breaks", () => {
  it("is made again, from where it broke", async () => {
    hub.trouble.cuts = [70_000, 40_000];
    await fetchWeights("hf:lab/medsam");
    const parts = requestsFor("GET /lab/medsam/model.safetensors").map(
      (text) => /bytes=(\d+)-$/.exec(text)?.[1],
    );
    expect(parts).toEqual([undefined, "70000", "110000"]);
    expect(blobs()).toEqual([sha256(WEIGHTS)]);
  });

  it("for good leaves what has come, and the next run resumes it", async () => {
    hub.trouble.cuts = [70_000, 0, 0, 0];
    const message = await refusal("hf:lab/medsam");
    expect(message).toMatch(
      /^hf:lab\/medsam\/model\.safetensors: the connection broke after 0\.\d MB of 0\.2 MB/,
    );
    expect(message).toContain("run the same again to resume");
    expect(blobs()).toEqual([`${sha256(WEIGHTS)}.medsam.incomplete`]);
    expect(existsSync(join(repositoryFolder(), "snapshots"))).toBe(false);
    hub.trouble.cuts = [];
    hub.requests.length = 0;
    await fetchWeights("hf:lab/medsam");
    expect(requestsFor("/lab/medsam/model.safetensors").at(-1)).toMatch(/bytes=70000-$/);
    expect(blobs()).toEqual([sha256(WEIGHTS)]);
  });

  it("of a server that knows no parts is taken from the start", async () => {
    hub.trouble.cuts = [70_000];
    hub.trouble.ignoresRanges = true;
    await expect(fetchWeights("hf:lab/medsam")).resolves.toBeDefined();
    expect(blobs()).toEqual([sha256(WEIGHTS)]);
  });

  it("by Ctrl-C keeps what has come", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("interrupted"));
    await expect(fetchWeights("hf:lab/medsam", { signal: controller.signal, onProgress })).rejects.toThrow(
      "interrupted",
    );
    expect(blobs()).toEqual([`${sha256(WEIGHTS)}.medsam.incomplete`]);
  });
});

describe("what has arrived damaged", () => {
  it("is deleted, and is no part of the cache", async () => {
    hub.trouble.damaged = true;
    const message = await refusal("hf:lab/medsam");
    expect(message).toMatch(
      /model\.safetensors has arrived damaged: its SHA-256 is [0-9a-f]{64}, the hub says/,
    );
    expect(blobs()).toEqual([]);
    expect(await refusal("hf:lab/sharded")).toMatch(/its Git hash is [0-9a-f]{40}, the hub says/);
  });

  it("or was damaged on disk before it was resumed, is fetched anew", async () => {
    mkdirSync(join(repositoryFolder(), "blobs"), { recursive: true });
    const partial = join(repositoryFolder(), "blobs", `${sha256(WEIGHTS)}.medsam.incomplete`);
    for (const bytes of [new Uint8Array(100_000), new Uint8Array(300_000)]) {
      writeFileSync(partial, bytes);
      await fetchWeights("hf:lab/medsam");
      expect(blobs()).toEqual([sha256(WEIGHTS)]);
      rmSync(join(repositoryFolder(), "blobs", sha256(WEIGHTS)));
    }
  });
});

describe("a repository that may not be read", () => {
  it("is said to be, with what to do, and the token goes to the hub alone", async () => {
    const message = await refusal("hf:lab/private");
    expect(message).toContain("hf:lab/private: there is no such repository, or it is private");
    expect(message).toContain(`set HF_TOKEN to a token from ${hub.url}/settings/tokens`);
    expect(await refusal("hf:lab/nowhere")).toContain("there is no such repository");
    expect(await refusal("hf:lab/gated")).toContain(`needs its authors' permission`);
    vi.stubEnv("HF_TOKEN", "hf_wrong");
    expect(await refusal("hf:lab/private")).toContain("there is no such repository, or you may not read it");
    const gated = await refusal("hf:lab/gated");
    expect(gated).toContain(`Open ${hub.url}/lab/gated in a browser, accept the conditions`);
    expect(gated).not.toContain("hf_wrong");
    // The store answers a token with an error.
    vi.stubEnv("HF_TOKEN", TOKEN);
    for (const text of ["hf:lab/private", "hf:lab/gated"]) await fetchWeights(text);
  });

  it("is read with the token that hf auth login wrote", async () => {
    writeFileSync(join(home, "token"), `${TOKEN}\n`);
    await fetchWeights("hf:lab/private");
  });
});

it("a cache that cannot be written is said, with what to do", async () => {
  writeFileSync(join(home, "file"), "");
  vi.stubEnv("HF_HOME", join(home, "file"));
  expect(await refusal("hf:lab/medsam")).toMatch(/cannot be written \(.*\)\. Make room, or set HF_HOME/);
});

it("an endpoint that is no address is said", async () => {
  vi.stubEnv("HF_ENDPOINT", "huggingface.co");
  expect(await refusal("hf:lab/medsam")).toContain("HF_ENDPOINT is huggingface.co: expected an address");
});

it("a browser learns where the weights are, with size and SHA-256", async () => {
  const find = (repository: string) => findOnHub({ repository, revision: "main" }, hub.url);
  const url = `${hub.url}/lab/medsam/resolve/${COMMIT}/model.safetensors`;
  expect(await find("lab/medsam")).toEqual({ url, size: WEIGHTS.length, sha256: sha256(WEIGHTS) });
  await expect(find("lab/private")).rejects.toThrow(
    "answered 401; a private repository is fetched with HF_TOKEN",
  );
  await expect(find("lab/sharded")).rejects.toThrow("names no SHA-256 of model.safetensors.index.json");
  await hub.close();
  await expect(find("lab/medsam")).rejects.toThrow("cannot be reached");
});

describe("an address", () => {
  it.each([
    ["hf:a/b", { repository: "a/b", revision: "main" }],
    ["hf://a/b", { repository: "a/b", revision: "main" }],
    ["hf:a/b/c.pth", { repository: "a/b", revision: "main", file: "c.pth" }],
    ["hf:a/b@v1/c/d.pth", { repository: "a/b", revision: "v1", file: "c/d.pth" }],
    ["hf:a/b@refs/pr/3/c.pth", { repository: "a/b", revision: "refs/pr/3", file: "c.pth" }],
    ["hf:a/b@x%2Fy", { repository: "a/b", revision: "x/y" }],
    ["medsam.pth", undefined],
  ])("%s is read, and written the same", (text, address) => {
    expect(parseHubAddress(text)).toEqual(address);
    if (address !== undefined) expect(formatHubAddress(address)).toBe(text.replace("://", ":"));
  });

  it.each([
    "hf:",
    "hf:a",
    "hf:a/",
    "hf:../b",
    "hf:a/b/../c",
    "hf:a/b/c\\d",
    "hf:a/b/C:/d",
    "hf:a/b@../c",
    "hf:a/b@x%2F..",
    "hf:a/b//c",
    "hf:a/b/",
  ])(
    // prettier-ignore
    "%s is refused",
    (text) => expect(rejection(() => parseHubAddress(text))).toContain("expected hf:OWNER/REPOSITORY"),
  );

  it("without a file means the weights that transformers would take, or the only ones", () => {
    const choose = (...files: string[]) => chooseWeights(files, "a/b");
    expect(choose("pytorch_model.bin", "model.safetensors", "x.safetensors")).toBe("model.safetensors");
    expect(choose("model-1.safetensors", "model.safetensors.index.json")).toBe(
      "model.safetensors.index.json",
    );
    expect(choose("x.safetensors", "pytorch_model.bin")).toBe("x.safetensors");
    expect(choose("pytorch_model.bin", "training_args.bin")).toBe("pytorch_model.bin");
    expect(choose("config.json", "MedSAM2_latest.pt")).toBe("MedSAM2_latest.pt");
    expect(rejection(() => choose("a.pt", "b.pt"))).toContain(
      "name one, such as hf:a/b/a.pt; there are: a.pt, b.pt",
    );
    expect(rejection(() => choose("onnx/model.safetensors"))).toContain("holds no weights at its root");
  });
});

describe("what names weights", () => {
  it("is a path first, then a published name", async () => {
    expect(hubAddressOf("medsam")).toEqual({ repository: "wanglab/medsam-vit-base", revision: "main" });
    expect(hubAddressOf("medsam2")).toEqual({
      ...{ repository: "wanglab/MedSAM2", revision: "main", file: "MedSAM2_latest.pt" },
    });
    expect(hubAddressOf(join(home, "medsam"))).toBeUndefined();
    expect(rejection(() => hubAddressOf("lite"))).toContain("LiteMedSAM is not on the Hugging Face hub");
    expect(await resolveWeights("a/b.pth")).toEqual({ path: "a/b.pth", name: "b.pth" });
    const address = `hf:lab/medsam@${COMMIT}/model.safetensors`;
    expect(await resolveWeights("hf:lab/medsam")).toMatchObject({ name: address });
  });
});
