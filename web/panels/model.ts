import { HUB_URL } from "../../src/weights/hubAddress.js";
import { PUBLISHED, type PublishedWeights } from "../../src/weights/published.js";
import { BACKEND_NAMES, type PageBackend } from "../backendNames.js";
import { byId, fillSelect, make } from "../dom.js";
import type { Engine } from "../engine.js";
import { choosePreset, type App, type AppState } from "../state/app.js";
import type { StoredModel } from "../workers/modelStore.js";

/** Model, backend and device, and choosing among them. */
export function modelPanel(app: App, engine: Engine): void {
  const preset = byId<HTMLSelectElement>("preset");
  const backend = byId<HTMLSelectElement>("backend");
  preset.addEventListener("change", () => {
    const { model } = app.value;
    if (model) app.update(choosePreset(model, preset.value));
  });
  fillSelect(backend, BACKEND_NAMES.map((name) => [name, name]), "wasm"); // prettier-ignore
  backend.addEventListener(
    "change",
    () =>
      // Chosen by name: a GPU that is drawn by the processor is taken too.
      void engine.start({ order: [backend.value as PageBackend], softwareGpu: true }),
  );
  const file = byId<HTMLInputElement>("weights-file");
  byId("weights").addEventListener("click", () => file.click());
  byId("embedded").addEventListener("click", () => void engine.use({ kind: "embedded" }));
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen !== undefined) void engine.use({ kind: "file", file: chosen });
    file.value = "";
  });
  const hubUrl = document.querySelector<HTMLMetaElement>('meta[name="hub"]')?.content ?? HUB_URL;
  const usable = PUBLISHED.filter(({ family }) => family === "sam"); // the page runs no other
  byId("published").replaceChildren(...usable.map((weights) => publishedRow(engine, weights, hubUrl)));
  byId("url-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void engine.use({ kind: "url", url: byId<HTMLInputElement>("url").value });
  });

  let stored: AppState["stored"] | undefined;
  app.subscribe((state) => {
    if (state.stored !== stored) {
      stored = state.stored;
      byId("stored").replaceChildren(...stored.map((model) => storedRow(engine, model)));
    }
    byId<HTMLButtonElement>("embedded").disabled = state.model?.embedded !== false;
    byId("model-facts").replaceChildren(...facts(state).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])); // prettier-ignore
    backend.value = state.backend?.name ?? "";
    if (state.model) fillSelect(preset, state.model.presets.map(({ name }) => [name, name]), state.preset); // prettier-ignore
    preset.value = state.preset;
    byId("status").textContent = statusOf(state);
    byId("status").dataset["ready"] = String(state.model !== undefined);
  });
}

/** Says what the button fetches, and from where: it is the only request to another origin that the page ever makes. */
function publishedRow(engine: Engine, weights: PublishedWeights, hubUrl: string): HTMLElement {
  const { what, repository, licence, megabytes } = weights;
  const from = `${new URL(hubUrl).host}/${repository}`;
  return make(
    "li",
    {},
    make("span", {}, `${what}: ${megabytes} MB from ${from} (${licence})`),
    make(
      "button",
      {
        "aria-label": `Fetch ${what}, ${megabytes} MB, from ${from}`,
        onclick: () => void engine.use({ kind: "hub", repository, hubUrl }),
      },
      "Fetch",
    ),
  );
}

function storedRow(engine: Engine, model: StoredModel): HTMLElement {
  const { name, bytes, sha256 } = model;
  return make(
    "li",
    {},
    make("span", { title: `SHA-256 ${sha256}` }, `${name}, ${(bytes / 1e6).toFixed(0)} MB`),
    make(
      "button",
      { "aria-label": `Use ${name}`, onclick: () => void engine.use({ kind: "stored", model }) },
      "Use",
    ),
    make("button", { "aria-label": `Delete ${name}`, onclick: () => void engine.remove(sha256) }, "Delete"),
  );
}

function facts({ model, backend, memory }: AppState): [string, string][] {
  const known: [string, string | undefined][] = [
    [
      "Weights",
      model &&
        `${model.name}${model.embedded ? " (demonstration)" : model.half ? ", rounded to half precision" : ""}`,
    ],
    ["Kind", model && `${model.architecture}, input ${model.imageSize} × ${model.imageSize}`],
    ["Parameters", model?.parameters.toLocaleString("en")],
    ["Left out", model?.leftOut && `${model.leftOut.length} (${model.leftOut.slice(0, 3).join(", ")}${model.leftOut.length > 3 ? ", …" : ""})`], // prettier-ignore
    ["Backend", backend?.name],
    ["Device", backend?.device],
    ["Self-test", backend && (backend.difference === undefined ? "passed before on this device" : `passed, differs by ${backend.difference.toExponential(0)}`)], // prettier-ignore
    ["Memory", memory === undefined ? undefined : `${(memory / 1e6).toFixed(0)} MB of tensors`],
    ["Not used", backend?.refused.map(({ name, reason }) => `${name}: ${reason}`).join("; ") || undefined],
  ];
  return known.flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]));
}

function statusOf({ model, backend, loading }: AppState): string {
  if (model && backend) return `${model.name} on ${backend.name}`;
  return loading?.what ?? "No model";
}
