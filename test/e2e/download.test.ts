import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMIT, sha256, startHub, type Hub } from "../unit/weights/hubServer.js";
import { ENV, MAIN, ROOT, SAMPLE, temporaryFolder, type Run } from "./medsam.js";

const EMBEDDED = readFileSync(join(ROOT, "models", "medsam-tiny.safetensors"));
const HASH = sha256(EMBEDDED);

let hub: Hub;
beforeAll(async () => {
  hub = await startHub({
    "lab/tiny": { files: { "model.safetensors": EMBEDDED }, licence: "apache-2.0" },
    "wanglab/medsam-vit-base": { files: { "model.safetensors": EMBEDDED }, licence: "apache-2.0" },
  });
});
afterAll(() => hub.close());

interface Environment {
  readonly home: string;
  readonly more?: Readonly<Record<string, string>>;
  /** What a file may take, in KiB, as on a disk that is full in the middle of one. */
  readonly most?: number;
}

/** Runs `medsam` beside the hub, which answers from this process. */
async function medsam(args: readonly string[], { home, more = {}, most }: Environment): Promise<Run> {
  const env = { ...ENV, HF_HOME: home, HF_ENDPOINT: hub.url, ...more };
  const command = most === undefined ? [process.execPath, MAIN, ...args] : ["bash", "-c", `trap '' XFSZ; ulimit -f ${most}; exec "$0" "$@"`, process.execPath, MAIN, ...args]; // prettier-ignore
  const child = spawn(command[0], command.slice(1), { cwd: home, env, stdio: ["ignore", "pipe", "pipe"] });
  const text = async (stream: AsyncIterable<unknown>) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks).toString();
  };
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { status, stdout, stderr: stderr.replace(/^medsam: \d+ % \|.*\n/gm, "") };
}

const blobs = (home: string, name = "lab--tiny") =>
  readdirSync(join(home, "hub", `models--${name}`, "blobs"));

describe("medsam download", () => {
  test("prints the path of what it fetched, and its hash and licence beside", async () => {
    const home = temporaryFolder();
    const { status, stdout, stderr } = await medsam(["download", "hf:lab/tiny"], { home });
    expect(status, stderr).toBe(0);
    const path = join(home, "hub", "models--lab--tiny", "snapshots", COMMIT, "model.safetensors");
    expect(stdout).toBe(`${path}\n`);
    expect(stderr).toMatch(/^medsam: fetching hf:lab\/tiny\/model\.safetensors from http:.*: [\d.]+ MB, licence apache-2.0\n/); // prettier-ignore
    expect(stderr).toContain(`hf:lab/tiny@${COMMIT}/model.safetensors, `);
    expect(stderr).toContain(`SHA-256 ${HASH}\n`);
    const json = await medsam(["download", "hf:lab/tiny", "--json"], { home });
    expect(json.stderr).toBe("");
    expect(JSON.parse(json.stdout)).toMatchObject({ path, hash: HASH, licence: "apache-2.0" });
  });

  test("lists what it knows by name, with licence and size, and says of LiteMedSAM where it is", async () => {
    const home = temporaryFolder();
    hub.requests.length = 0;
    const { status, stdout } = await medsam(["download"], { home });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^medsam +MedSAM, ViT-B +hf:wanglab\/medsam-vit-base +375 MB +Apache-2\.0$/m);
    expect(stdout).toMatch(
      /^medsam2 +MedSAM2, Hiera-T +hf:wanglab\/MedSAM2\/MedSAM2_latest\.pt +156 MB +CC-BY-SA-4\.0$/m,
    );
    expect(stdout).toContain("lite: LiteMedSAM is not on the Hugging Face hub");
    const lite = await medsam(["download", "lite"], { home });
    expect(lite).toMatchObject({ status: 1, stdout: "" });
    expect(lite.stderr).toContain("Download it with a browser");
    const unknown = await medsam(["download", "medsam3"], { home });
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain(
      "medsam3: expected hf:OWNER/REPOSITORY or a name that medsam download lists",
    );
    expect(hub.requests).toEqual([]);
  });

  test("resumes what a broken connection left", async () => {
    const home = temporaryFolder();
    hub.trouble.cuts = [100_000, 0, 0, 0];
    const broken = await medsam(["download", "hf:lab/tiny"], { home });
    expect(broken).toMatchObject({ status: 1, stdout: "" });
    expect(broken.stderr).toMatch(
      /the connection broke after 0\.1 MB of [\d.]+ MB .* run the same again to resume\n/,
    );
    expect(blobs(home)).toEqual([`${HASH}.medsam.incomplete`]);
    hub.trouble.cuts = [];
    expect((await medsam(["download", "hf:lab/tiny"], { home })).status).toBe(0);
    expect(blobs(home)).toEqual([HASH]);
    expect(hub.requests.at(-1)).toContain("bytes=100000-");
  });

  test("of a full disk says so, keeps what has come, and is resumed when there is room", async ({ skip }) => {
    if (process.platform === "win32") skip();
    const home = temporaryFolder();
    const full = await medsam(["download", "hf:lab/tiny"], { home, most: 512 });
    expect(full).toMatchObject({ status: 1, stdout: "" });
    expect(full.stderr).toMatch(
      /cannot be written \(EFBIG.*\)\. Make room, or set HF_HOME to a folder on another disk\n$/,
    );
    expect(blobs(home)).toEqual([`${HASH}.medsam.incomplete`]);
    expect((await medsam(["download", "hf:lab/tiny"], { home })).status).toBe(0);
    expect(blobs(home)).toEqual([HASH]);
  });

  test("of a disk that is too small says how much is needed before it fetches", async ({ skip }) => {
    const home = temporaryFolder();
    const disk = join(home, "disk");
    mkdirSync(disk);
    if (
      spawnSync("mount", ["-t", "tmpfs", "-o", "size=100k", "none", disk], { stdio: "ignore" }).status !== 0
    ) {
      console.warn("download.test.ts: a small disk is not tried, as mounting one is not permitted here");
      skip();
    }
    try {
      hub.requests.length = 0;
      const { status, stderr } = await medsam(["download", "hf:lab/tiny"], { home, more: { HF_HOME: disk } });
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /too little room: [\d.]+ MB are needed, 0\.1 MB are free\. Make room, or set HF_HOME/,
      );
      expect(hub.requests.filter((request) => request.includes("/resolve/"))).toEqual([]);
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});

describe("weights by their name on the hub", () => {
  const box = ["--box", "114,205,186,275"];

  test("segment an image, once fetched without a network, and the result names them by their commit", async () => {
    const home = temporaryFolder();
    const { status, stderr } = await medsam(["segment", SAMPLE, ...box, "--checkpoint", "medsam"], { home });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("medsam: fetching hf:wanglab/medsam-vit-base/model.safetensors from http");
    const { provenance } = JSON.parse(readFileSync(join(home, "out", "sample.json"), "utf8")) as {
      provenance: { checkpoint: unknown; command: string };
    };
    const name = `hf:wanglab/medsam-vit-base@${COMMIT}/model.safetensors`;
    expect(provenance.checkpoint).toEqual({ name, sha256: HASH, embedded: false });
    expect(provenance.command).toContain(`--checkpoint '${name}'`);

    hub.requests.length = 0;
    const again = ["segment", SAMPLE, ...box, "--checkpoint", name];
    const offline = await medsam(again, { home, more: { HF_HUB_OFFLINE: "1" } });
    expect(offline.status, offline.stderr).toBe(0);
    expect(hub.requests).toEqual([]);
  });

  test("are fetched once for all workers of a batch", async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, "cases.csv"), `image,x0,y0,x1,y1\n${SAMPLE},114,205,186,275\n`);
    hub.requests.length = 0;
    const args = ["batch", "cases.csv", "--checkpoint", "hf:lab/tiny", "--workers", "1", "--out", "done"];
    const { status, stderr } = await medsam(args, { home });
    expect(status, stderr).toBe(0);
    expect(stderr.match(/fetching/g)).toHaveLength(1);
    expect(hub.requests.filter((request) => request.startsWith("GET /lab/tiny/model"))).toHaveLength(1);
  });

  test("are inspected and converted", async () => {
    const home = temporaryFolder();
    const { stdout } = await medsam(["inspect", "hf:lab/tiny"], { home });
    expect(stdout).toContain("SAM, MedSAM or LiteMedSAM, configuration TINY");
    const converted = await medsam(["convert", "hf:lab/tiny", "tiny.safetensors", "--json"], { home });
    expect(converted.status, converted.stderr).toBe(0);
    expect(JSON.parse(converted.stdout)).toMatchObject({ input: `hf:lab/tiny@${COMMIT}/model.safetensors` });
    rmSync(join(home, "tiny.safetensors"));
  });
});
