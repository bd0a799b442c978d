import { INTENSITY_PRESETS } from "../../src/image/intensity.js";
import { byId, fillSelect } from "../dom.js";
import type { App } from "../state/app.js";
import { fullWindow, type DisplayWindow } from "../view/window.js";
import type { ImageInfo } from "../workers/imageWorker.js";

/** CT windows by name, as level and width in Hounsfield units. @see src/image/intensity.ts */
const CT_WINDOWS: readonly (readonly [string, number, number])[] = [
  ["CT soft tissue", 40, 400],
  ["CT lung", -600, 1500],
  ["CT brain", 40, 80],
  ["CT bone", 400, 1800],
  ["CT mediastinum", 50, 350],
];

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

  app.subscribe(({ image, window, slice: index, ...state }) => {
    byId("slices").hidden = (image?.slices ?? 1) < 2;
    if (image === undefined) return;
    byId("image-facts").textContent = describe(image);
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
    ...windows.map((own, index): [string, DisplayWindow] => [`of the file ${index + 1}`, own]),
    ...(modality === "CT" || range[0] < -500
      ? CT_WINDOWS.map(([name, level, width]): [string, DisplayWindow] => [name, { centre: level, width }])
      : []),
  ];
}

function describe({
  name,
  width,
  height,
  slices,
  channels,
  spacing,
  modality,
  range,
  warnings,
}: ImageInfo): string {
  const [low, high] = range.map((value) => +value.toPrecision(5));
  return [
    `${name}: ${width} × ${height}${slices > 1 ? ` × ${slices}` : ""}, ${channels === 3 ? "colour" : "grey"}`,
    ...(modality ? [modality] : []),
    `values ${low} to ${high}`,
    spacing ? `${+spacing[0].toPrecision(4)} × ${+spacing[1].toPrecision(4)} mm a pixel` : "no size in mm",
    ...warnings.slice(0, 3),
  ].join("; ");
}
