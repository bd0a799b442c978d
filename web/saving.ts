import type { LabelImage } from "../src/image/pixels.js";
import { maskImage, type Mask } from "../src/image/mask.js";
import { byId, download } from "./dom.js";
import type { Images } from "./images.js";
import type { Predictions } from "./predictions.js";
import { sessionOf, showError, type App } from "./state/app.js";
import { documentOf } from "./state/keeping.js";
import { isEmptyQuery, selectedObject } from "./state/session.js";
import { colourOf } from "./view/palette.js";
import type { LabelVolumeFormat } from "./workers/openVolume.js";

/** The menu of files to save. Every mask is waited for, also where the user cancelled. */
export function savingMenu(app: App, predictions: Predictions, images: Images): void {
  const offer = (id: string, write: () => Promise<void>) =>
    byId(id).addEventListener("click", () => {
      byId("save-menu").hidePopover();
      predictions.wake();
      predictions
        .settled()
        .then(write)
        // The way on that is offered when a backend stops stays.
        .catch((error: unknown) => showError(app, error, app.value.notice?.action));
    });
  const stem = () =>
    (app.value.image?.name ?? "image")
      .replace(/\.(nii\.gz|seg\.nrrd|hdr\.gz|[^.]*)$/i, "")
      .replace(/[^\w.-]+/g, "_");
  const png = async (image: Parameters<typeof maskImage>[0] | LabelImage, name: string, isMask: boolean) =>
    download(name, new Uint8Array(await images.worker.call("png", isMask ? maskImage(image as Mask) : image)), "image/png"); // prettier-ignore

  offer("save-mask", async () => {
    const { slice } = app.value;
    const object = selectedObject(sessionOf(app.value));
    const prompt = object?.prompts.get(slice);
    const mask = prompt && predictions.candidate(prompt)?.mask;
    if (mask === undefined) throw new Error("no object with a mask is selected on this slice");
    await png(mask, `${stem()}_mask.png`, true);
  });
  offer("save-labels", async () => {
    const { slice } = app.value;
    await png(labelMaps(app, predictions, [slice]).get(slice)!, `${stem()}_labels.png`, false);
  });
  const saveVolume = async (format: LabelVolumeFormat["format"], type: string) => {
    const { objects } = sessionOf(app.value);
    const slices = new Set(objects.flatMap(({ prompts }) => [...prompts.keys()]));
    const maps = labelMaps(app, predictions, [...slices]);
    const segments = objects.map(({ name, colour }, k) => ({ label: k + 1, name, colour: colourOf(colour) }));
    const bytes = new Uint8Array(await images.worker.call("labelVolume", { maps, format, segments }));
    download(`${stem()}_labels.${format}`, bytes, type);
  };
  offer("save-nifti", () => saveVolume("nii.gz", "application/gzip"));
  offer("save-nrrd", () => saveVolume("seg.nrrd", "application/octet-stream"));
  offer("save-json", () => {
    if (!app.value.model) throw new Error("the model has to be ready first");
    const text = documentOf(app, (prompt) => {
      const candidate = predictions.candidate(prompt);
      return candidate && { score: candidate.scores[candidate.index], pixels: candidate.facts.pixels };
    });
    download(`${stem()}.json`, text, "application/json");
    return Promise.resolve();
  });
}

/** A label map a slice. @throws Error where a mask is not there: without it a map looks as whole as with it. */
export function labelMaps(
  app: App,
  predictions: Predictions,
  slices: readonly number[],
): Map<number, LabelImage> {
  const { objects } = sessionOf(app.value);
  const asked = slices.flatMap((slice) =>
    objects.flatMap(({ name, prompts }) => {
      const prompt = prompts.get(slice);
      return prompt && !isEmptyQuery(prompt.query)
        ? [{ prompt, place: `${name} on slice ${slice + 1}` }]
        : [];
    }),
  );
  const missing = asked.filter(({ prompt }) => predictions.candidate(prompt) === undefined);
  if (missing.length > 0)
    throw new Error(
      `${missing.length} of ${asked.length} masks are not there, the first that of ${missing[0].place}: ` +
        "a model has to be in use and to take every prompt; then save again",
    );
  return new Map(slices.map((slice) => [slice, labelsOf(app, predictions, slice)]));
}

/** Object k of the list has the value k; where masks overlap the later one counts. */
function labelsOf(app: App, predictions: Predictions, slice: number): LabelImage {
  const { image } = app.value;
  if (image === undefined) throw new Error("no image is open");
  const { objects } = sessionOf(app.value);
  const data = new (objects.length > 255 ? Uint16Array : Uint8Array)(image.width * image.height);
  for (const [index, { prompts }] of objects.entries()) {
    const prompt = prompts.get(slice);
    const mask = prompt && predictions.candidate(prompt)?.mask;
    if (mask) for (let i = 0; i < data.length; i++) if (mask.data[i]) data[i] = index + 1;
  }
  return { width: image.width, height: image.height, data };
}
