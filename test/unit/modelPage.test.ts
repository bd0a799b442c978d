import * as tf from "@tensorflow/tfjs";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { whileCounting } from "../../src/inspect/countingBackend.js";
import { summariseConfig } from "../../src/inspect/modelSummary.js";
import { observeLayers } from "../../src/layers/layer.js";
import * as configs from "../../src/model/config.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import * as configs2 from "../../src/model/sam2/config.js";
import type { MultiScaleBlock } from "../../src/model/sam2/hiera.js";
import { Sam2 } from "../../src/model/sam2/sam2.js";
import {
  conditionOnMemory,
  encodeMemory,
  forwardSamHeads,
  useMaskAsOutput,
  type FrameMemory,
} from "../../src/model/sam2/tracking.js";
import { remember } from "../../src/predictor/memoryBank.js";
import { sizeOf } from "../../src/weights/checkpoint.js";
import { ParamScope } from "../../src/weights/paramScope.js";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));
const NAMES = ["TINY", "LITE_MEDSAM", "VIT_B", "VIT_L", "VIT_H"] as const;

/** The cells of a page's tables, of rows whose first cell is code. */
function rowsOf(page: string): string[][] {
  const lines = readFileSync(join(DOCS, page), "utf8").split("\n");
  return lines
    .filter((line) => /^\| `/.test(line))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim())); // prettier-ignore
}

const integer = (count: number) => count.toLocaleString("en-US");
/** Three digits. */
const short = (count: number) => {
  const [size, unit] = ([[1e12, "T"], [1e9, "G"], [1e6, "M"]] as const).find(([least]) => count >= least)!; // prettier-ignore
  const digits = (count / size).toPrecision(3);
  return `${digits} ${unit}`;
};
const values = (config: configs.ModelConfig) =>
  [...parameterShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);

/** Rows of modules and values: path, output, parameters, class and file, upstream. */
function checkModules(
  page: string,
  config: configs.ModelConfig,
  shapes: ReadonlyMap<string, readonly number[]>,
): void {
  const parameters = [...parameterShapes(config)];
  const modules = rowsOf(page).filter((row) => row.length === 5);
  expect(modules.length).toBeGreaterThan(30);
  for (const [first, output, count, here] of modules) {
    const path = first.replaceAll("`", "");
    if (output !== "") expect(`[${shapes.get(path)?.join(", ")}]`, path).toBe(output.replaceAll("`", ""));
    const own = parameters.filter(([name]) => name === path || name.startsWith(`${path}.`));
    expect(own.length > 0 || shapes.has(path), path).toBe(true);
    if (own.length > 0)
      expect(integer(own.reduce((sum, [, shape]) => sum + sizeOf(shape), 0)), path).toBe(count);
    for (const [, name, file] of here.matchAll(/\[`(\w+)`\]\(([^)]+)\)/g)) {
      const source = join(DOCS, file);
      expect(existsSync(source), file).toBe(true);
      expect(readFileSync(source, "utf8"), `${file}: ${name}`).toMatch(new RegExp(`export (abstract )?(class|function) ${name}\\b`)); // prettier-ignore
    }
  }
}

describe("docs/the-model.md", () => {
  const page = "the-model.md";

  it("has the shapes, parameters and classes of the code", () => {
    const { values: found } = summariseConfig(configs.VIT_B);
    checkModules(page, configs.VIT_B, new Map(found.map(({ path, shape }) => [path, shape])));
  });

  it("has the sizes of the configurations", () => {
    const sizes = rowsOf(page).filter(([name]) => NAMES.some((known) => name === `\`${known}\``));
    expect(sizes.map(([name, input, , count]) => [name, input, count])).toEqual(
      NAMES.map((name) => [`\`${name}\``, `${configs[name].imageSize}`, integer(values(configs[name]))]),
    );
  });
});

describe("docs/the-medsam2-model.md", () => {
  const page = "the-medsam2-model.md";
  const text = readFileSync(join(DOCS, page), "utf8");

  it("has the shapes, parameters and classes of the code, and the work of a tracked frame", () => {
    const { shapes, multiplyAdds } = trackedFrame();
    checkModules(page, configs2.MEDSAM2, shapes);
    const { layers } = summariseConfig(configs.VIT_B);
    const work = /memory that is (\d+) G multiply-adds. ViT-B takes (\d+) G/.exec(text)?.slice(1).map(Number);
    expect(work).toEqual([multiplyAdds, layers[0].multiplyAdds].map((count) => Math.round(count / 1e9)));
  });

  it("has the stages of the trunk", () => {
    const shapes = new Map(
      summariseConfig(configs2.MEDSAM2).values.map(({ path, shape }) => [path, shape] as const),
    );
    const rows = [
      ...text.matchAll(/^\| (\d) +\| ([\d–]+) +\| (\d+ x \d+) +\| (\d+) +\| (\d) +\| (.*?) +\|$/gm),
    ];
    const blocks = rows.map(([, , range]) => range.split("–").map(Number));
    expect(rows.map((row) => row.slice(3, 6))).toEqual(
      blocks.map(([first]) => {
        const block = `image_encoder.trunk.blocks.${first}`;
        const [, side, , width] = shapes.get(block)!;
        return [`${side} x ${side}`, `${width}`, `${shapes.get(`${block}.attn.q`)![1]}`];
      }),
    );
    const sides = withModel((model) =>
      model.imageEncoder.trunk.blocks.map((block) => (block as MultiScaleBlock).windowSize),
    );
    const said = blocks.flatMap(([first, last = first], stage) => {
      const [own, others = own] = /^(\d+)(?: in the first block, then (\d+))?/.exec(rows[stage][6])!.slice(1);
      return Array.from({ length: last - first + 1 }, (_, n) => Number(n === 0 ? own : (others ?? own)));
    });
    for (const global of [5, 7, 9]) said[global] = 0;
    expect(sides).toEqual(said);
  });

  it("has the frames that a frame remembers, in their order", () => {
    const record = { lowResMasks: NONE, pointers: NONE, objectScores: NONE, ious: NONE, prompted: false };
    const frames = (...all: number[]) => new Map(all.map((frame) => [frame, record]));
    const bank = {
      prompted: frames(0, 40),
      tracked: frames(...Array.from({ length: 29 }, (_, n) => n + 1)),
      corrected: new Set<number>(),
    };
    const { spatial, pointers, pointerRange } = remember(bank, 30, false, {
      ...configs2.MEDSAM2,
      frameCount: 50,
    });
    const time = (row: number) => row + 1; // rows of `maskmem_tpos_enc` are taken at `framesAway - 1`
    expect(text).toContain("row 6 of `maskmem_tpos_enc`");
    expect(text).toContain("row $d-1$ for distance $d$");
    expect(spatial).toEqual([
      ...[0, 40].map((frame) => ({ frame, framesAway: time(6) })),
      ...[6, 5, 4, 3, 2, 1].map((d) => ({ frame: 30 - d, framesAway: time(d - 1) })),
    ]);
    expect(pointers).toEqual([
      { frame: 0, framesAway: 30 },
      ...Array.from({ length: 15 }, (_, n) => ({ frame: 29 - n, framesAway: n + 1 })),
    ]);
    expect(pointerRange).toBe(15);
  });

  it("has the sizes of the configurations", () => {
    const names = ["MEDSAM2", "SAM2_1_TINY", "SAM2_1_SMALL", "SAM2_1_BASE_PLUS", "SAM2_1_LARGE"] as const;
    const sizes = rowsOf(page).filter((row) => row.length === 4);
    expect(sizes.map(([name, input, , count]) => [name, input, count])).toEqual(
      names.map((name) => [`\`${name}\``, `${configs2[name].imageSize}`, integer(values(configs2[name]))]),
    );
  });
});

const NONE = new Float32Array();

/** Calls `use` with MedSAM2 without values. */
const withModel = <T>(
  use: (model: Sam2, counts: { paused: boolean; readonly multiplyAdds: number }) => T,
): T =>
  whileCounting((counts) => {
    const model = new Sam2(new ParamScope({ values: () => undefined }), configs2.MEDSAM2);
    try {
      return use(model, counts);
    } finally {
      model.dispose();
    }
  });

/** Shapes of all values of a frame that MedSAM2 tracks with a full memory, then of a mask and of a box as prompts. */
function trackedFrame() {
  return withModel((model, counts) => {
    const paths = new Map([...model.namedLayers()].map(([path, layer]) => [layer, path]));
    const shapes = new Map<string, readonly number[]>();
    const { imageSize: side } = configs2.MEDSAM2;
    const memory: FrameMemory = {
      objects: 1,
      spatial: [7, 6, 5, 4, 3, 2, 1].map((framesAway) => ({
        features: new Float32Array(64 * 32 * 32),
        framesAway,
      })),
      pointers: Array.from({ length: 16 }, (_, framesAway) => ({
        pointers: new Float32Array(256),
        framesAway,
      })),
      pointerRange: 15,
    };
    const before = counts.multiplyAdds;
    let multiplyAdds = 0;
    tf.tidy(() =>
      observeLayers(
        {
          wants: (layer, name) => {
            counts.paused ||= name !== "";
            return paths.has(layer);
          },
          observe: (layer, name, { shape }) => {
            const isMap = name === "" ? layer.layout === "nhwc" : layer.mapOutputs.includes(name);
            const [batch, height, width, channels] = shape;
            const path = [paths.get(layer), name].filter((part) => part !== "").join(".");
            shapes.set(path, isMap ? [batch, channels, height, width] : shape);
            counts.paused = false;
          },
          enter: () => undefined,
          leave: () => undefined,
        },
        () => {
          const features = model.encode(tf.zeros([1, side, side, 3]));
          const embedding = conditionOnMemory(model, features.embedding, memory);
          const found = forwardSamHeads(model, { ...features, embedding }, {}, 1, true);
          encodeMemory(model, features.embedding, found.lowResMasks, found.objectScoreLogits, false);
          multiplyAdds = counts.multiplyAdds - before;
          useMaskAsOutput(model, features, tf.zeros([1, side, side, 1]));
          model.decode(features, { boxes: tf.zeros([1, 4]) }, false);
        },
      ),
    );
    return { shapes, multiplyAdds };
  });
}

it("docs/sizes-and-speed.md has the sizes and the work of the configurations", () => {
  const rows = rowsOf("sizes-and-speed.md").slice(0, NAMES.length);
  const expected = NAMES.map((name) => {
    const config = configs[name];
    const { layers } = summariseConfig(config);
    const work = (path: string) => layers.find((layer) => layer.path === path)!.multiplyAdds;
    const bytes = 4 * values(config);
    const megabytes = (count: number) =>
      count < 9.95e6 ? (count / 1e6).toFixed(1) : (count / 1e6).toFixed(0);
    return [
      `\`${name}\``,
      `${config.imageSize} x ${config.imageSize}`,
      short(layers[0].parameters),
      `${megabytes(bytes)} MB, ${megabytes(bytes / 2)} MB`,
      short(work("image_encoder")),
      short(work("prompt_encoder") + work("mask_decoder")),
    ];
  });
  expect(rows).toEqual(expected);
});
