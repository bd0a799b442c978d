import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { VIT_B, type SamConfig } from "../../src/model/config.js";

interface Verdict {
  readonly name: string;
  readonly reached: number | null;
  readonly verdict: string;
}

/** The benchmark is plain JavaScript, which runs without a build. */
const load = async <T>(name: string) => (await import(`../../bench/${name}.mjs`)) as T;
const { document, plot, targetTable } = await load<{
  document: (run: object) => string;
  plot: (run: object) => string;
  targetTable: (run: { targets: readonly Verdict[] }) => string;
}>("report");
const { encoderProducts, largestDifference, median, multiplyAdds } = await load<{
  encoderProducts: (config: SamConfig) => object[];
  multiplyAdds: (products: readonly object[]) => number;
  largestDifference: (values: readonly number[], reference: readonly number[]) => number;
  median: (values: readonly number[]) => number;
}>("statistics");
const { judge } = await load<{ judge: (figures: object) => Verdict[] }>("targets");

describe("the benchmark's arithmetic", () => {
  it("takes the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([5])).toBe(5);
  });

  it("finds the largest difference, and lets no NaN and no other length pass", () => {
    expect(largestDifference([1, 2, -4], [1, 2.5, -5])).toBe(0.2);
    expect(largestDifference([1, 2], [1, 2])).toBe(0);
    expect(largestDifference([1, NaN, 2], [1, 2, 2])).toBeNaN();
    expect(() => largestDifference([1], [1, 2])).toThrow("1 values against 2");
  });

  it("counts ViT-B's multiply-adds", () => {
    // Linear layers 347.9, attention in the grid 103.1 and in windows 11.8, patches 2.4, neck 3.2 thousand million.
    expect(multiplyAdds(encoderProducts(VIT_B)) / 1e9).toBeCloseTo(468.5, 0);
  });
});

describe("targets", () => {
  const figures = {
    encode: { ours: 3, onnxruntime: 3.5, "torch-eager": 9 },
    memory: { ours: 1.9e9 },
    start: 4,
  };
  const verdicts = Object.fromEntries(judge(figures).map(({ name, verdict }) => [name, verdict]));

  it("are met, missed, or absent when a figure is", () => {
    expect(verdicts["native encoder, ViT-B at 1024, by onnxruntime's"]).toBe("met");
    expect(verdicts["native encoder by PyTorch's (eager)"]).toBe("missed");
    expect(verdicts["npm start, once built, seconds"]).toBe("missed");
    expect(verdicts["WASM encoder, 2 threads, by onnxruntime-web's"]).toBe("absent");
  });

  it("that are not known are not met", () => {
    expect(judge({}).every(({ verdict, reached }) => verdict === "absent" && reached === null)).toBe(true);
    expect(judge({ start: NaN }).at(-1)).toMatchObject({ verdict: "absent" });
  });

  it("stand in a table", () => {
    const table = targetTable({ targets: judge(figures) });
    expect(table).toContain("| native encoder by PyTorch's (eager) | <= 0.3 | 0.33 | missed |");
  });
});

const results = new URL("../../bench/results.json", import.meta.url);

describe.skipIf(!existsSync(results))("docs/performance.md", () => {
  it("and its picture are those of bench/results.json", () => {
    const run = JSON.parse(readFileSync(results, "utf8")) as object;
    const read = (path: string) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8");
    expect(read("performance.md")).toBe(document(run));
    expect(read("images/performance.svg")).toBe(plot(run));
  });
});
