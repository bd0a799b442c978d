import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PACKAGE_VERSION } from "../../src/cli/version.js";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { safetensorsBytes, type TensorToWrite } from "../../src/weights/safetensorsWriter.js";
import { ENV, MAIN, medsam, ROOT, SAMPLE, temporaryFolder } from "./medsam.js";

const EMBEDDED = join(ROOT, "models", "medsam-tiny.safetensors");

describe("medsam", () => {
  test.each([
    ["--help"],
    ["segment", "--help"],
    ["convert", "--help"],
    ["inspect", "--help"],
    ["trace", "--help"],
  ])("teaches by examples: %s %s", (...args) => {
    const { status, stdout, stderr } = medsam(args.filter((arg) => arg !== undefined));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("$ medsam ");
  });

  test("ends its work though nobody reads what it says, as with `| head`", async () => {
    const out = temporaryFolder();
    const args = ["segment", SAMPLE, "--box", "114,205,186,275", "--out", out];
    const run = spawn(process.execPath, [MAIN, ...args], { env: ENV });
    run.stdout.destroy();
    let said = "";
    run.stderr.on("data", (bytes) => (said += String(bytes)));
    const [status] = (await once(run, "exit")) as [number];
    expect(status, said).toBe(0);
    expect(existsSync(join(out, "sample_mask.png"))).toBe(true);
  });

  test.skipIf(process.platform === "win32")("is a program that npx can start after every build", () => {
    expect(statSync(MAIN).mode & 0o111).toBe(0o111);
  });

  test("knows its version", () => {
    expect(medsam(["--version"])).toEqual({ status: 0, stdout: `${PACKAGE_VERSION}\n`, stderr: "" });
  });

  test.each([
    [["sement"], "unknown command 'sement'"],
    [["segment"], "no image"],
    [["segment", SAMPLE], "no prompt"],
    [["segment", SAMPLE, "--bax", "1,2,3,4"], "unknown option '--bax'"],
    [["segment", SAMPLE, "--box", "1,2,3"], "Expected four numbers x0,y0,x1,y1"],
    [["segment", SAMPLE, "--box", "9,2,3,4"], "empty or turned around"],
    [["segment", SAMPLE, "--point", "1,2,3"], "Expected 1 (in the object) or 0"],
    [["segment", SAMPLE, "--box", "1,2,3,4", "--preset", "x"], 'preset "x" does not exist; choose one of'],
    [["segment", SAMPLE, "--box", "1,2,3,4", "--intensity", "x"], 'intensity preset "x" does not exist'],
    [["segment", SAMPLE, "--box", "1,2,3,4", "--backend", "x"], "auto, tensorflow, webgpu, wasm, cpu"],
    [["trace", SAMPLE], "no prompt"],
    [["trace", SAMPLE, "--box", "1,2,3,4", "--query", "1"], "Expected x,y, a pixel of the image"],
    [["convert", "a.pth"], "missing required argument 'out'"],
    [["convert", "a.pth", "b.pth"], "ends in .safetensors"],
    [["convert", "a.pth", "b.safetensors", "--dtype", "F8"], "F32, F16, BF16"],
  ])("says in one line what is wrong with %j and ends with 2", (args, message) => {
    const { status, stdout, stderr } = medsam(args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^medsam: .*\(see: medsam .*--help\)\n$/);
    expect(stderr).toContain(message);
  });

  test.each([
    [["segment", "none.png", "--box", "1,2,3,4"], "none.png: no such file"],
    [["segment", SAMPLE, "--box", "1,2,3,4", "--checkpoint", "none.pth"], "none.pth: no such file"],
    [["segment", SAMPLE, "--box", "1,2,3,4", "--checkpoint", SAMPLE], "sample.png: "],
    [["inspect", "none.pth"], "none.pth: no such file"],
    [["convert", "none.pth", "out.safetensors"], "none.pth: no such file"],
  ])("says in one line what failed in %j and ends with 1", (args, message) => {
    const { status, stdout, stderr } = medsam(args, temporaryFolder());
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^medsam: /);
    expect(stderr).toContain(message);
  });

  test("shows its help, for people, when nothing is asked", () => {
    const { status, stdout, stderr } = medsam([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: medsam");
  });

  test("prints one JSON document with --json also when it fails", () => {
    const { status, stdout } = medsam(["inspect", "none.pth", "--json"], temporaryFolder());
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: expect.stringContaining("none.pth: no such file") as string,
    });
  });

  test("inspects a checkpoint and recognises the model", () => {
    const { status, stdout } = medsam(["inspect", EMBEDDED]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^image_encoder\.blocks\.1\.attn +GridAttention +\[1, 16, 16, 192\] +150,208 +64\.5 M +197 kB/m,
    );
    expect(stdout).toMatch(/^image_encoder\.blocks\.1\.attn\.scores +· +\[6, 256, 256\]/m);
    expect(stdout).toContain("configuration TINY");
    expect(stdout).toMatch(/mask_decoder +120 tensors +756,340 parameters/);
    const json = JSON.parse(medsam(["inspect", EMBEDDED, "--json"]).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({
      file: "medsam-tiny.safetensors",
      model: { name: "TINY", missing: [], unexpected: [], misshapen: [] },
      tensors: { "image_encoder.patch_embed.proj.weight": { dtype: "F16", shape: [192, 3, 8, 8] } },
      layers: expect.arrayContaining([expect.objectContaining({ path: "mask_decoder" })]) as unknown,
      values: expect.arrayContaining([
        expect.objectContaining({ path: "mask_decoder.all_masks" }),
      ]) as unknown,
    });
  });

  test("shows how weights spread, and refuses a pattern that matches none", () => {
    const { status, stdout } = medsam(["inspect", EMBEDDED, "--weights", "**.iou_token.weight"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^mask_decoder\.iou_token\.weight +F16 +\[1, 128\] +\S+ +\S+ +\S+ +\S+ +[▁-█ ]+$/m,
    );
    const wrong = medsam(["inspect", EMBEDDED, "--weights", "mask_decoder.iou_tokn.weight"]);
    expect(wrong).toMatchObject({ status: 2, stdout: "" });
    expect(wrong.stderr).toContain("matches no tensor; near it are mask_decoder.iou_token.weight");
  });

  test("compares two checkpoints tensor by tensor", () => {
    const folder = temporaryFolder();
    medsam(["convert", EMBEDDED, "half.safetensors", "--dtype", "BF16"], folder);
    const same = medsam(["inspect", EMBEDDED, "--against", EMBEDDED]);
    expect(same).toMatchObject({ status: 0, stdout: "0 tensors differ, 230 are the same\n" });
    const { stdout } = medsam(["inspect", EMBEDDED, "--against", "half.safetensors", "--json"], folder);
    const { different } = JSON.parse(stdout) as { different: { path: string; relative: number }[] };
    expect(different.length).toBeGreaterThan(200);
    // A bfloat16 has 8 bits of its own.
    for (const { relative } of different) expect(relative).toBeLessThan(2 ** -8);
  });

  /** Writes tensors of one value each as safetensors. */
  const writeTensors = (path: string, names: readonly string[]) => {
    const tensors = names.map((name): TensorToWrite => {
      const bytes = () => new Uint8Array(Float32Array.of(1).buffer);
      return { name, dtype: "F32", shape: [1], bytes };
    });
    writeFileSync(path, safetensorsBytes(tensors));
  };

  test("converts, and refuses what is no SAM, of which it writes nothing", () => {
    const folder = temporaryFolder();
    writeTensors(join(folder, "other.safetensors"), ["a.weight"]);
    const other = medsam(["convert", "other.safetensors", "out.safetensors"], folder);
    expect(other).toMatchObject({ status: 1, stdout: "" });
    expect(other.stderr).toMatch(/^medsam: .*other\.safetensors: not recognised as a SAM.*\n$/);
    expect(existsSync(join(folder, "out.safetensors"))).toBe(false);

    const sam = medsam(["convert", EMBEDDED, "full.safetensors", "--dtype", "F32", "--json"], folder);
    expect(sam.status).toBe(0);
    expect(JSON.parse(sam.stdout)).toMatchObject({
      input: "medsam-tiny.safetensors",
      output: "full.safetensors",
      tensors: 230,
      renamed: [],
      dropped: [],
      model: { name: "TINY", missing: [], unexpected: [] },
    });
  });

  test("says of a checkpoint what was renamed and left out, and of an incomplete one what is missing", () => {
    const folder = temporaryFolder();
    const file = openCheckpointFile(EMBEDDED);
    const tensors = [...file.tensors].map(([name, info]) => ({
      ...info,
      name: `module.${name}`,
      bytes: () => file.readBytes(name),
    }));
    const write = (name: string, list: readonly TensorToWrite[]) =>
      writeFileSync(join(folder, name), safetensorsBytes(list));
    const more = ["module.pixel_std", "loss.weight"].map((name) => ({ ...tensors[0], name }));
    write("wrapped.safetensors", [...tensors, ...more]);
    write(
      "incomplete.safetensors",
      tensors.filter(({ name }) => !name.endsWith("iou_token.weight")),
    );
    file.close();

    const args = ["--box", "114,205,186,275", "--checkpoint", "wrapped.safetensors"];
    const { status, stderr } = medsam(["segment", SAMPLE, ...args], folder);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      "medsam: wrapped.safetensors: renamed: 230 (module.image_encoder.blocks.0.attn.proj.bias to",
    );
    expect(stderr).toContain("; left out: 1 (module.pixel_std); left out, as the model has no place for them: 1 (loss.weight)\n"); // prettier-ignore

    const incomplete = medsam(["convert", "incomplete.safetensors", "out.safetensors"], folder);
    expect(incomplete.status).toBe(1);
    expect(incomplete.stdout).toContain("missing: 1 (mask_decoder.iou_token.weight)");
    expect(incomplete.stderr).toContain("out.safetensors: was written, but 1 tensors that the model needs");
  });
});
