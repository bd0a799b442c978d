import { INTENSITY_PRESETS } from "../../src/image/intensity.js";
import { byId, fillSelect, make } from "../dom.js";
import type { App } from "../state/app.js";
import { CT_WINDOWS, fullWindow, type DisplayWindow } from "../view/window.js";
import type { ImageInfo } from "../workers/imageWorker.js";

/** What is open, how it is shown, and what of it the model sees. */
export function imagePanel(app: App): void {
  const centre = byId<HTMLInputElement>("centre");
  const width = byId<HTMLInputElement>("width");
  const windows = byId<HTMLSelectElement>("windows");
  const intensity = byId<HTMLSelectElement>("intensity");
  const crop = byId<HTMLInputElement>("crop");
  const slice = byId<HTMLInputElement>("slice");

  const take = () => {
    const next = { centre: centre.valueAsNumber, width: width.valueAsNumber };
    if (Number.isFinite(next.centre) && next.width > 0) app.update({ window: next });
  };
  centre.addEventListener("change", take);
  width.addEventListener("change", take);
  windows.addEventListener("change", () => {
    const { image } = app.value;
    const chosen = image && windowsOf(image).find(([name]) => name === windows.value);
    if (chosen) app.update({ window: chosen[1] });
  });
  intensity.addEventListener("change", () => app.update({ intensity: intensity.value }));
  crop.addEventListener("change", () => app.update({ crop: crop.checked }));
  slice.addEventListener("input", () => app.update({ slice: slice.valueAsNumber }));

  fillSelect(
    intensity,
    [
      ["preset", "what the preset makes of it"],
      ["shown", "what is shown (level and width)"],
      ...INTENSITY_PRESETS.map(({ name }): [string, string] => [name, name]),
    ],
    "preset",
  );

  let shown: ImageInfo | undefined;
  app.subscribe(({ image, window, slice: index, ...state }) => {
    byId("slices").hidden = (image?.slices ?? 1) < 2;
    if (image === undefined) return;
    if (image !== shown) {
      shown = image;
      byId("image-facts").replaceChildren(make("strong", {}, image.name), `: ${describe(image)}`);
      byId("image-warnings").replaceChildren(...warningsOf(image).map((text) => make("li", {}, text)));
    }
    for (const [input, value] of [
      [centre, window.centre],
      [width, window.width],
    ] as const)
      // prettier-ignore
      if (document.activeElement !== input) input.value = String(+value.toPrecision(6));
    const known = windowsOf(image);
    const chosen = known.find(([, { centre: c, width: w }]) => c === window.centre && w === window.width);
    fillSelect(
      windows,
      [...known.map(([name]): [string, string] => [name, name]), ["own", "own level and width"]],
      chosen?.[0] ?? "own",
    );
    intensity.value = state.intensity;
    crop.checked = state.crop;
    slice.max = String(image.slices - 1);
    slice.value = String(index);
    byId("slice-number").textContent = `${index + 1} of ${image.slices}`;
  });
}

/** Ways of showing an image by name: all values, the file's own, and those of CT. */
export function windowsOf({ range, windows, modality }: ImageInfo): [string, DisplayWindow][] {
  return [
    ["all values", fullWindow(range)],
    ...windows.map((own, index): [string, DisplayWindow] => [
      windows.length > 1 ? `the file's own, ${index + 1}` : "the file's own",
      own,
    ]),
    ...(modality === "CT" || range[0] < -500
      ? CT_WINDOWS.map(([name, level, width]): [string, DisplayWindow] => [name, { centre: level, width }])
      : []),
  ];
}

function describe({ width, height, slices, channels, spacing, modality, range }: ImageInfo): string {
  const [low, high] = range.map((value) => +value.toPrecision(5));
  return [
    `${width} × ${height}${slices > 1 ? ` × ${slices}` : ""}, ${channels === 3 ? "colour" : "grey"}`,
    ...(modality ? [modality] : []),
    `values ${low} to ${high}`,
    spacing ? `${+spacing[0].toPrecision(4)} × ${+spacing[1].toPrecision(4)} mm a pixel` : "no size in mm",
  ].join("; ");
}

/** What its reader noticed, without the file's name, which stands above. */
function warningsOf({ name, warnings }: ImageInfo): string[] {
  return warnings.map((text) => (text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text));
}
