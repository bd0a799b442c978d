// What the pictures of architectures are drawn with: modules with their shapes and parameters, as SVG. A module that is not
// drawn, or drawn and not there, is an error.
import { writeFileSync } from "node:fs";
import { summariseConfig } from "../dist/inspect/modelSummary.js";
import { parameterShapes } from "../dist/model/parameterShapes.js";

const STYLE = `
svg{--paper:#fff;--ink:#1c2430;--faint:#5b6675;--line:#8a95a3;
--blue:#0062a3;--blue-shade:#eaf3fa;--orange:#b84a00;--orange-shade:#fdf1e7;--green:#00795a;--green-shade:#e8f6f1}
@media (prefers-color-scheme:dark){svg{--paper:#14181e;--ink:#e4e8ed;--faint:#a0abb8;--line:#6d7988;
--blue:#5bb4f0;--blue-shade:#172635;--orange:#f0944d;--orange-shade:#2e2117;--green:#4cc9a0;--green-shade:#15291f}}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--ink)}
.title{font-size:15px;font-weight:600}.title .note{font-weight:400}.path{font:11.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.shape{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:var(--faint)}.note{font-size:11.5px;fill:var(--faint)}
.name{font-size:20px;font-weight:600}.strong{font-weight:600}.strong .shape{font-weight:400}.middle{text-anchor:middle}.end{text-anchor:end}
.paper{fill:var(--paper)}.line{fill:none;stroke:var(--line);stroke-width:1.6}.tip{fill:var(--line)}
.box{fill:var(--paper);stroke-width:1.4}.thin{fill:none;stroke-width:.7}
.blue{stroke:var(--blue)}.orange{stroke:var(--orange)}.green{stroke:var(--green)}
.room{stroke:none}.room.blue{fill:var(--blue-shade)}.room.orange{fill:var(--orange-shade)}.room.green{fill:var(--green-shade)}
.full.blue{fill:var(--blue)}.full.orange{fill:var(--orange)}.full.green{fill:var(--green)}
.soft{fill-opacity:.25}.blue-ink{fill:var(--blue)}.orange-ink{fill:var(--orange)}.green-ink{fill:var(--green)}`;

/** An empty picture of a configuration's modules. */
export function sheet(config) {
  const parameters = parameterShapes(config);
  const shapes = new Map(summariseConfig(config).values.map(({ path, shape }) => [path, shape]));
  const drawn = new Set();
  /** How many numbered modules there are below a path. */
  const countOf = (path) => {
    const numbers = [...parameters.keys()].map((name) => name.startsWith(`${path}.`) && name.slice(path.length + 1).split(".")[0]); // prettier-ignore
    return new Set(numbers.filter(Boolean)).size;
  };

  /** A module or parameter of the model that the picture shows. */
  function module(path) {
    if (![...parameters.keys()].some((name) => name === path || name.startsWith(`${path}.`)))
      throw new Error(`${path} is in the picture and not in the model`);
    drawn.add(path);
  }

  /** Axes of a value, of one image and one box. */
  function sides(path) {
    const found = shapes.get(path);
    if (found === undefined) throw new Error(`${path} is in the picture and is not computed`);
    return found;
  }
  const shape = (path) => `[${sides(path).join(", ")}]`;
  /** The same of a value that there is for each of B prompts. */
  const shapeB = (path) => `[${["B", ...sides(path).slice(1)].join(", ")}]`;

  function size(path) {
    const own = [...parameters].filter(
      ([name]) => path === "" || name === path || name.startsWith(`${path}.`),
    );
    const sum = own.reduce((total, [, axes]) => total + axes.reduce((a, b) => a * b, 1), 0);
    return sum >= 1e6 ? `${(sum / 1e6).toPrecision(3)} M` : `${(sum / 1e3).toPrecision(3)} k`;
  }

  const picture = [];
  const put = (...marks) => picture.push(...marks);
  const text = (x, y, words, kind = "") =>
    put(`<text x="${x}" y="${y}"${kind && ` class="${kind}"`}>${words}</text>`);
  const rect = (x, y, width, height, kind, radius = 4) =>
    put(`<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" class="${kind}"/>`);
  /** A line through points, with a tip at its end. */
  const arrow = (...points) =>
    put(`<path d="M${points.map(([x, y]) => `${x} ${y}`).join("L")}" class="line" marker-end="url(#tip)"/>`);
  const plus = (x, y, sign = "+") => {
    put(`<circle cx="${x}" cy="${y}" r="9" class="box" stroke="var(--line)"/>`);
    text(x, y + 4.5, sign, "middle");
  };

  /** A room with its title and how many parameters it has. */
  function room(x, y, width, height, colour, path, titleX = x + 16) {
    rect(x, y, width, height, `room ${colour}`, 10);
    put(
      `<text x="${titleX}" y="${y + 25}" class="title ${colour}-ink">${path}<tspan class="note" dx="10">${size(path)} parameters</tspan></text>`, // prettier-ignore
    );
  }

  /** A box with a module's name in lines, centred; `shown` where the name is cut in another way. */
  function box(x, y, width, height, colour, path, shown = [path.split(".").at(-1)]) {
    rect(x, y, width, height, `box ${colour}`);
    const top = y + height / 2 + 4 - (shown.length - 1) * 7;
    for (const [n, words] of shown.entries()) text(x + width / 2, top + n * 14, words, "path middle");
    module(path);
  }

  /** A stack of maps, drawn as sheets. */
  function maps(x, y, side, colour) {
    for (const n of [2, 1, 0]) rect(x + n * 5, y - n * 5, side, side, `box ${colour}`, 2);
  }

  /** Writes the picture to a file. */
  function write(file, { label, width, height }) {
    const missing = [...parameters.keys()].filter(
      (name) => ![...drawn].some((path) => name === path || name.startsWith(`${path}.`)),
    );
    if (missing.length > 0) throw new Error(`not in the picture: ${missing.join(", ")}`);
    const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"><style>${STYLE}</style><defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" class="tip"/></marker></defs><rect width="${width}" height="${height}" class="paper"/>`;
    writeFileSync(file, `${[head, ...picture, "</svg>"].join("\n")}\n`);
  }

  return {
    arrow,
    box,
    countOf,
    maps,
    module,
    plus,
    put,
    rect,
    room,
    shape,
    shapeB,
    sides,
    size,
    text,
    write,
  };
}
