import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { summariseConfig } from "../../src/inspect/modelSummary.js";
import * as configs from "../../src/model/config.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import { sizeOf } from "../../src/weights/checkpoint.js";

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
const values = (config: configs.SamConfig) =>
  [...parameterShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);

describe("docs/the-model.md", () => {
  const rows = rowsOf("the-model.md");
  const shapes = new Map(summariseConfig(configs.VIT_B).values.map(({ path, shape }) => [path, shape]));
  const parameters = [...parameterShapes(configs.VIT_B)];

  it("has the shapes, parameters and classes of the code", () => {
    const modules = rows.filter(([path]) => /encoder|decoder/.test(path));
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
        expect(readFileSync(source, "utf8"), `${file}: ${name}`).toMatch(new RegExp(`export (class|function) ${name}\\b`)); // prettier-ignore
      }
    }
  });

  it("has the sizes of the configurations", () => {
    const sizes = rows.filter(([name]) => NAMES.some((known) => name === `\`${known}\``));
    expect(sizes.map(([name, input, , count]) => [name, input, count])).toEqual(
      NAMES.map((name) => [`\`${name}\``, `${configs[name].imageSize}`, integer(values(configs[name]))]),
    );
  });
});

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
