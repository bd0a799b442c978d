import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/weights/checkpoint.js";
import { convertCheckpoint } from "../../../src/weights/convert.node.js";
import { toFloat32 } from "../../../src/weights/numbers.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { safetensorsBytes, type TensorToWrite } from "../../../src/weights/safetensorsWriter.js";
import { EXPECTED, FIXTURES } from "./pthFile.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convert-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const inFolder = (name: string) => join(folder, name);

/** What a file holds, in the form of `EXPECTED`. */
function contents(path: string) {
  const checkpoint = openCheckpointFile(path);
  const found = [...checkpoint.tensors].map(([name, { dtype, shape }]) => {
    const hex = Buffer.from(checkpoint.readBytes(name)).toString("hex");
    return [name, { dtype, shape, hex }] as const;
  });
  checkpoint.close();
  return Object.fromEntries(found);
}

function values(checkpoint: Checkpoint, name: string): number[] {
  const dtype = checkpoint.tensors.get(name)?.dtype ?? "F32";
  return [...toFloat32(checkpoint.readBytes(name), dtype)];
}

function floats(name: string, ...numbers: readonly number[]): TensorToWrite {
  const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
  return { name, dtype: "F32", shape: [numbers.length], bytes: () => bytes };
}

function save(name: string, tensors: readonly TensorToWrite[], metadata = {}): string {
  writeFileSync(inFolder(name), safetensorsBytes(tensors, metadata));
  return inFolder(name);
}

describe("converting", () => {
  it.each(["plain", "training", "dtypes", "views"])("gives PyTorch's bytes: %s", (name) => {
    const out = inFolder("out.safetensors");
    const report = convertCheckpoint(`${FIXTURES}${name}.pth`, out);
    expect(contents(out)).toEqual(EXPECTED[name]);
    const tensors = Object.values(EXPECTED[name]);
    expect(report).toEqual({
      renamed: [],
      dropped: [],
      tensors: tensors.length,
      parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      bytes: readFileSync(out).length,
    });
  });

  it("says what it renamed and left out", () => {
    const names = ["module.image_encoder.pos_embed", "module.mask_decoder.a", "module.pixel_mean"];
    const input = save(
      "distributed.safetensors",
      names.map((name) => floats(name, 1)),
    );
    const { renamed, dropped } = convertCheckpoint(input, inFolder("a.safetensors"));
    expect(renamed).toEqual([
      ["module.image_encoder.pos_embed", "image_encoder.pos_embed"],
      ["module.mask_decoder.a", "mask_decoder.a"],
    ]);
    expect(dropped).toEqual(["module.pixel_mean"]);
    const tied = convertCheckpoint(`${FIXTURES}hugging_face.pth`, inFolder("b.safetensors"));
    expect(tied.dropped).toEqual(["prompt_encoder.shared_embedding.positional_embedding"]);
  });

  it("keeps metadata and says that the tensors are PyTorch's", () => {
    const input = save("a.safetensors", [floats("a", 1)], { author: "é" });
    convertCheckpoint(input, inFolder("b.safetensors"));
    const checkpoint = openCheckpointFile(inFolder("b.safetensors"));
    expect(checkpoint.metadata).toEqual({ author: "é", format: "pt" });
    checkpoint.close();
  });

  it("tells the share that is written, up to 1", () => {
    const shares: number[] = [];
    const onProgress = (share: number) => shares.push(share);
    convertCheckpoint(`${FIXTURES}plain.pth`, inFolder("a.safetensors"), { onProgress });
    expect(shares).toHaveLength(6);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });
});

describe("converting to another type", () => {
  it("rounds floating-point tensors and leaves others alone", () => {
    const input = save("a.safetensors", [
      floats("w", 1, 0.1, -65504, NaN, Infinity),
      countingTensor("n", "I64", [2]),
    ]);
    for (const [dtype, tenth] of [
      ["F16", 0.0999755859375],
      ["BF16", 0.10009765625],
    ] as const) {
      const out = inFolder(`${dtype}.safetensors`);
      convertCheckpoint(input, out, { dtype });
      const checkpoint = openCheckpointFile(out);
      expect(checkpoint.tensors.get("w")?.dtype).toBe(dtype);
      const [one, rounded, large, ...rest] = values(checkpoint, "w");
      expect([one, rounded, ...rest]).toEqual([1, tenth, NaN, Infinity]);
      expect(large).toBe(dtype === "F16" ? -65504 : -65536);
      expect(contents(out)["n"]).toEqual(contents(input)["n"]);
      checkpoint.close();
    }
  });

  it("widens halves, and narrows doubles", () => {
    const out = inFolder("a.safetensors");
    convertCheckpoint(`${FIXTURES}dtypes.pth`, out, { dtype: "F32" });
    const [before, after] = [openCheckpointFile(`${FIXTURES}dtypes.pth`), openCheckpointFile(out)];
    for (const name of ["float64", "float32", "float16", "bfloat16"]) {
      expect(after.tensors.get(name)?.dtype).toBe("F32");
      expect(values(after, name)).toEqual(values(before, name));
    }
    expect(after.tensors.get("large")?.dtype).toBe("I64");
    before.close();
    after.close();
  });

  it("refuses a value that is too large, by its tensor's name, and leaves no file", () => {
    const input = save("a.safetensors", [
      floats("fits", 65519),
      floats("image_encoder.pos_embed", 1, -65520),
    ]);
    const message = rejection(() => convertCheckpoint(input, inFolder("b.safetensors"), { dtype: "F16" }));
    expect(message).toContain('tensor "image_encoder.pos_embed" has the value -65520, too large for F16');
    expect(message).toContain("choose BF16 or F32");
    expect(readdirSync(folder)).toEqual(["a.safetensors"]);
    convertCheckpoint(input, inFolder("b.safetensors"), { dtype: "BF16" });
  });

  it("refuses a double that no single holds", () => {
    const bytes = new Uint8Array(Float64Array.of(1, 1e300).buffer);
    const input = save("a.safetensors", [{ name: "w", dtype: "F64", shape: [2], bytes: () => bytes }]);
    const convert = () => convertCheckpoint(input, inFolder("b.safetensors"), { dtype: "F32" });
    expect(rejection(convert)).toContain('tensor "w" has the value 1e+300, too large for F32');
  });
});

describe("converting destroys nothing", () => {
  it("when the output is the input, under this name or another", () => {
    const input = save("a.safetensors", [floats("a", 1)]);
    linkSync(input, inFolder("hard.safetensors"));
    symlinkSync(input, inFolder("soft.safetensors"));
    const before = readFileSync(input);
    for (const output of [
      input,
      join(folder, ".", "a.safetensors"),
      inFolder("hard.safetensors"),
      inFolder("soft.safetensors"),
    ])
      expect(rejection(() => convertCheckpoint(input, output))).toContain("is the input itself");
    expect(readFileSync(input).equals(before)).toBe(true);
  });

  it("when the input is an index, and the output one of its files", () => {
    save("m-1.safetensors", [floats("a", 1)]);
    const index = inFolder("m.safetensors.index.json");
    writeFileSync(index, JSON.stringify({ weight_map: { a: "m-1.safetensors" } }));
    expect(rejection(() => convertCheckpoint(index, inFolder("m-1.safetensors")))).toContain(
      "one of its files",
    );
    expect(rejection(() => convertCheckpoint(folder, inFolder("m-1.safetensors")))).toContain(
      "one of its files",
    );
    convertCheckpoint(index, inFolder("m.safetensors"));
    expect(contents(inFolder("m.safetensors"))).toEqual(contents(inFolder("m-1.safetensors")));
  });

  it("when the input is refused, or breaks off", () => {
    const out = inFolder("out.safetensors");
    writeFileSync(out, "what was there before");
    copyFileSync(`${FIXTURES}os_system.pth`, inFolder("bad.pth"));
    expect(rejection(() => convertCheckpoint(inFolder("bad.pth"), out))).toContain("holds no state dict");
    expect(rejection(() => convertCheckpoint(inFolder("none.pth"), out))).toContain("no such file");
    expect(readFileSync(out, "utf8")).toBe("what was there before");
    expect(readdirSync(folder).sort()).toEqual(["bad.pth", "out.safetensors"]);
  });

  it("when the output is a folder, or its folder is missing", () => {
    const convertTo = (out: string) => rejection(() => convertCheckpoint(`${FIXTURES}plain.pth`, out));
    expect(convertTo(folder)).toContain(`${folder}: is a folder; name the file to write`);
    expect(convertTo(join(folder, "none", "out.safetensors"))).toContain(`no folder ${join(folder, "none")}`);
  });
});

const TINY = fileURLToPath(new URL("../../../../shared/checkpoints/medsam_tiny.pth", import.meta.url));
const hasTiny = existsSync(TINY);
if (!hasTiny) console.warn("skipping medsam_tiny.pth: ../shared/checkpoints is not there");

describe.skipIf(!hasTiny)("medsam_tiny.pth", () => {
  it("is converted to the same bytes, and again to the same file", () => {
    const [first, second] = ["a.safetensors", "b.safetensors"].map(inFolder);
    const { tensors, parameters, renamed, dropped } = convertCheckpoint(TINY, first);
    // 3,696,384 parameters, and the Gaussian matrix, which is none.
    expect({ tensors, parameters, renamed, dropped }).toEqual({
      tensors: 230,
      parameters: 3_696_384 + 2 * 64,
      renamed: [],
      dropped: [],
    });
    const [before, after] = [openCheckpointFile(TINY), openCheckpointFile(first)];
    expect(Object.fromEntries(after.tensors)).toEqual(Object.fromEntries(before.tensors));
    for (const name of before.tensors.keys())
      expect(Buffer.compare(after.readBytes(name), before.readBytes(name)), name).toBe(0);
    before.close();
    after.close();
    convertCheckpoint(first, second);
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
  });
});
