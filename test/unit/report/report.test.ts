import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encodePng } from "../../../src/image/encode.js";
import { boxPlot } from "../../../src/report/boxPlot.js";
import { linePlot } from "../../../src/report/linePlot.js";
import { markup } from "../../../src/report/markup.js";
import { heading, htmlPage, paragraph } from "../../../src/report/page.js";
import { pictures } from "../../../src/report/pictures.js";
import { table } from "../../../src/report/table.js";
import { attribute, elementsOf, named, parsed, textOf, type Element } from "./parsed.js";

/** What a browser keeps of a text: line ends are one, what no page may hold is a sign for it. */
const kept = (text: string) =>
  text.replace(/(?![\t\n])\p{Cc}|[\p{Cs}\p{Noncharacter_Code_Point}]/gu, "\ufffd");
const text = () => fc.string({ unit: "binary" });
const nasty = () =>
  fc.oneof(
    text(),
    fc.constantFrom("</style><script>alert(1)</script>", "\"'><img src=x onerror=y>", "&amp;", "<!--"),
  );

test("whatever text is filled in stays text, in elements and in attributes", () => {
  const plain = parsed("t", markup`<p title="${"x"}">${"x"}</p>`).map(({ tagName }) => tagName);
  fc.assert(
    fc.property(nasty(), (value) => {
      const elements = parsed("t", markup`<p title="${value}">${value}</p>`);
      expect(elements.map(({ tagName }) => tagName)).toEqual(plain);
      const [element] = named(elements, "p");
      expect(textOf(element)).toBe(kept(value));
      expect(attribute(element, "title")).toBe(kept(value));
    }),
  );
});

test("every part escapes what it is given, and all parts together are well-formed", () => {
  const page = (value: string): string =>
    htmlPage({
      title: value,
      refreshSeconds: 5,
      body: [
        heading(value),
        paragraph(value, markup`<b>${value}</b>`),
        table({ caption: value, columns: [value, { title: value, digits: 2 }], rows: [[value, 1]] }),
        linePlot({ title: value, x: { label: value }, y: { label: value }, series: [{ name: value, points: [[0, 1], [1, 2]] }, { name: value, points: [] }] }), // prettier-ignore
        boxPlot({ title: value, axis: { label: value }, groups: [{ name: value, values: [1, 2, 3] }] }),
        pictures([{ png: Uint8Array.of(1), caption: value, alternative: value }]),
      ],
    });
  const names = (html: string) => elementsOf(html).map(({ tagName }) => tagName);
  const expected = names(page("plain"));
  expect(expected).not.toContain("script");
  fc.assert(
    fc.property(nasty(), (value) => {
      expect(names(page(value))).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test("a page loads nothing from elsewhere and forbids it", () => {
  const elements = parsed("t", pictures([{ png: Uint8Array.of(1, 2), caption: "c" }]));
  const policy = named(elements, "meta").find(
    (meta) => attribute(meta, "http-equiv") === "Content-Security-Policy",
  );
  expect(policy && attribute(policy, "content")).toBe(
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
  );
  expect(elements.flatMap((element) => attribute(element, "src") ?? [])).toEqual([
    "data:image/png;base64,AQI=",
  ]);
  expect(textOf(named(elements, "style")[0])).not.toMatch(/url\(|@import/);
});

test("a picture's bytes come back, however many", () => {
  const data = Uint8Array.from({ length: 160 * 160 }, (_, i) => (i * i) % 251);
  const png = encodePng({ width: 160, height: 160, channels: 1, data });
  expect(png.length).toBeGreaterThan(8192);
  const [image] = named(parsed("t", pictures([{ png, caption: "c" }])), "img");
  const source = attribute(image, "src") ?? "";
  expect(Uint8Array.from(Buffer.from(source.replace("data:image/png;base64,", ""), "base64"))).toEqual(
    Uint8Array.from(png),
  );
});

test("a table aligns numbers to the right, with the digits asked for, and shows what is missing", () => {
  const elements = parsed(
    "t",
    table({
      columns: ["case", { title: "dice", digits: 3 }, "pixels"],
      rows: [
        ["a", 0.5, 1234567],
        ["b", undefined, NaN],
      ],
    }),
  );
  const cells = named(elements, "td");
  expect(cells.map(textOf)).toEqual(["a", "0.500", "1,234,567", "b", "–", "NaN"]);
  expect(cells.map((cell) => attribute(cell, "class"))).toEqual([undefined, "number", "number", undefined, "number", "number"]); // prettier-ignore
  expect(named(elements, "th").map((head) => attribute(head, "class"))).toEqual([
    undefined,
    "number",
    "number",
  ]);
  expect(() => table({ columns: ["a"], rows: [["x"], ["y", "z"]] })).toThrow("row 1 has 2 cells; expected 1");
});

/** Numbers of a path such as M1 2L3 4. */
function coordinates(path: Element): number[][] {
  const d = attribute(path, "d") ?? "";
  return d.split(/[ML]/).slice(1).map((pair) => pair.split(" ").map(Number)); // prettier-ignore
}
const ticksOf = (elements: readonly Element[]) =>
  named(elements, "text").filter((element) => attribute(element, "class") === "tick").map(textOf); // prettier-ignore

test("a line goes through its points: linear between round ticks, with a gap where a value is missing", () => {
  const plot = linePlot({
    title: "Loss",
    x: { label: "step" },
    y: { label: "loss", from: 0 },
    series: [{ name: "train", points: [[0, 1], [5, 0.5], [6, NaN], [8, 0.25], [10, 0]] }], // prettier-ignore
  });
  const elements = parsed("t", plot);
  expect(ticksOf(elements)).toEqual([
    "0.0",
    "0.2",
    "0.4",
    "0.6",
    "0.8",
    "1.0",
    "0",
    "2",
    "4",
    "6",
    "8",
    "10",
  ]);
  const [path] = named(elements, "path");
  const [a, b, c, d] = coordinates(path);
  expect(attribute(path, "d")?.match(/M/g)).toHaveLength(2);
  expect(b[0]).toBeCloseTo((a[0] + d[0]) / 2, 1);
  expect(b[1]).toBeCloseTo((a[1] + d[1]) / 2, 1);
  expect(c[0]).toBeCloseTo(a[0] + 0.8 * (d[0] - a[0]), 1);
  expect(c[1]).toBeCloseTo(d[1] + 0.25 * (a[1] - d[1]), 1);
  expect(d[1]).toBeGreaterThan(a[1]); // down the page
  expect(attribute(named(elements, "svg")[0], "aria-label")).toBe("Loss. train: 4 points, from 1 to 0");
});

test("a single point is a dot", () => {
  const plot = linePlot({ title: "t", x: { label: "x" }, y: { label: "y" }, series: [{ name: "a", points: [[3, 4]] }] }); // prettier-ignore
  const elements = parsed("t", plot);
  expect(named(elements, "circle")).toHaveLength(1);
  expect(named(elements, "path")).toHaveLength(0);
});

test("a long line keeps its extremes, in a page that stays small", () => {
  const points = Array.from({ length: 200_000 }, (_, i) => [i, i === 123_457 ? 9 : Math.sin(i)] as const);
  const plot = linePlot({
    title: "t",
    x: { label: "x" },
    y: { label: "y" },
    series: [{ name: "a", points }],
  });
  expect(plot.text.length).toBeLessThan(60_000);
  const elements = parsed("t", plot);
  const highest = Math.min(...coordinates(named(elements, "path")[0]).map(([, y]) => y));
  const nine = named(elements, "line").find((line) => attribute(line, "class") === "grid");
  expect(highest).toBeLessThan(Number(attribute(nine!, "y1")));
  expect(coordinates(named(elements, "path")[0]).every(([x], n, all) => n === 0 || x >= all[n - 1][0])).toBe(
    true,
  );
});

test("a long number at the end of an axis stays inside the picture", () => {
  const points = [
    [0, 1],
    [20_000, 2],
  ] as const;
  const plot = linePlot({ title: "t", x: { label: "step", from: 0 }, y: { label: "y" }, series: [{ name: "a", points }] }); // prettier-ignore
  const last = /<text class="tick" x="([\d.]+)"[^>]* text-anchor="(\w+)">20,000</.exec(plot.text)!;
  expect([Number(last[1]), last[2]]).toEqual([704, "end"]);
});

test("axes have few round ticks around any values", () => {
  const finite = fc.double({ noNaN: true, min: -1e12, max: 1e12 });
  fc.assert(
    fc.property(fc.array(fc.tuple(finite, finite), { maxLength: 8 }), (points) => {
      const sorted = points.sort(([a], [b]) => a - b);
      const plot = linePlot({ title: "t", x: { label: "x" }, y: { label: "y" }, series: [{ name: "a", points: sorted }] }); // prettier-ignore
      const elements = parsed("t", plot);
      const places = named(elements, "path").flatMap(coordinates).flat();
      expect(places.every(Number.isFinite)).toBe(true);
      expect(named(elements, "path").flatMap(coordinates).every(([x, y]) => x >= 63.9 && x <= 704.1 && y >= 0 && y <= 290.1)).toBe(true); // prettier-ignore
      const ticks = ticksOf(elements);
      expect(ticks.length).toBeGreaterThanOrEqual(4);
      expect(ticks.length).toBeLessThanOrEqual(16);
    }),
  );
});

test("a box holds the middle half, whiskers end at values, the rest are dots", () => {
  const values = [9, 1, 2, 3, 4, 5, 30, Infinity];
  const elements = parsed("t", boxPlot({ title: "Dice", axis: { label: "value", from: 0 }, groups: [{ name: "g", values }] })); // prettier-ignore
  const unit = (700 - 16) / 30; // ticks 0 to 30
  const [box] = named(elements, "rect");
  expect(Number(attribute(box, "x"))).toBeCloseTo(16 + 2.5 * unit, 1);
  expect(Number(attribute(box, "width"))).toBeCloseTo(4.5 * unit, 1);
  const uprights = named(elements, "line").filter((line) => attribute(line, "class") === "s0" && attribute(line, "x1") === attribute(line, "x2")); // prettier-ignore
  expect(uprights.map((line) => Math.round((Number(attribute(line, "x1")) - 16) / unit))).toEqual([1, 9, 4]);
  expect(named(elements, "circle")).toHaveLength(7);
  expect(attribute(named(elements, "svg")[0], "aria-label")).toBe(
    "Dice. g: 7 values, median 4, from 1 to 30",
  );
  expect(named(elements, "text").map(textOf)).toContain("g (7, 1 not finite)");
});

test("of many values only those beyond the whiskers are dots", () => {
  const values = [...Array.from({ length: 1000 }, (_, i) => i / 1000), 9, -9];
  const elements = parsed(
    "t",
    boxPlot({ title: "t", axis: { label: "v" }, groups: [{ name: "g", values }] }),
  );
  expect(named(elements, "circle")).toHaveLength(2);
});
