import { BACKEND_NAMES, type PageBackend } from "./backendNames.js";
import { byId } from "./dom.js";
import { Engine, type Wish } from "./engine.js";
import { Images } from "./images.js";
import { listenToKeys } from "./keyboard.js";
import { imagePanel } from "./panels/image.js";
import { insidePanel } from "./panels/inside.js";
import { modelPanel } from "./panels/model.js";
import { objectsPanel } from "./panels/objects.js";
import { promptPanel } from "./panels/prompt.js";
import { toolbar } from "./panels/toolbar.js";
import { Predictions } from "./predictions.js";
import { savingMenu } from "./saving.js";
import { keepPrompts, keptDocuments } from "./state/keeping.js";
import { createApp, type AppState } from "./state/app.js";
import { Viewer } from "./view/viewer.js";

const SAMPLE = new URL("../examples/sample/sample.png", import.meta.url).href;

const app = createApp();
const documents = keptDocuments();
const images = new Images(app, documents);
const predictions: Predictions = new Predictions(
  app,
  () => engine,
  (slice) => images.slice(slice),
);
const engine: Engine = new Engine(app, ({ sameModel }) => {
  predictions.restart({ keepAnswers: sameModel });
  void keepForOffline();
});
const canvas = byId<HTMLCanvasElement>("canvas");
const viewer = new Viewer(canvas, app, predictions, images, (text) => (byId("hover").textContent = text));

toolbar(app, viewer);
objectsPanel(app);
promptPanel(app, predictions);
imagePanel(app);
modelPanel(app, engine);
insidePanel(app, engine, predictions, images);
savingMenu(app, predictions, images);
listenToKeys(app, viewer, canvas);
openFiles();
askAgain();
keepPrompts(app, documents);
void images.openSample(SAMPLE);
void engine.start(wishOf(location.search));

/** Files by button, by dropping and by pasting. */
function openFiles(): void {
  const input = byId<HTMLInputElement>("file");
  const stage = byId("stage");
  byId("open").addEventListener("click", () => input.click());
  byId("sample").addEventListener("click", () => void images.openSample(SAMPLE));
  input.addEventListener("change", () => {
    void images.open([...(input.files ?? [])]);
    input.value = "";
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => stage.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    void images.open([...(event.dataTransfer?.files ?? [])]);
  });
}

/** Once the page is ready: keeps its files, so that it opens without a network. The dev server has no such worker. */
async function keepForOffline(): Promise<void> {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  // Some browsers refuse it in private windows; the page then needs its server.
  await navigator.serviceWorker.register("./sw.js").catch(() => undefined);
}

/** Looks for missing masks whenever something that they depend on changed. */
function askAgain(): void {
  const parts = ({ history, image, slice, preset, intensity, window, crop }: AppState) =>
    [history.present, image, slice, preset, intensity, intensity === "shown" ? window : undefined, crop] as const; // prettier-ignore
  let before = parts(app.value);
  app.subscribe((state) => {
    const now = parts(state);
    if (now.every((part, index) => part === before[index])) return;
    // The same image opened again is another object.
    const sameAnswers = before[1]?.sha256 === now[1]?.sha256 && [3, 4, 5, 6].every((index) => now[index] === before[index]); // prettier-ignore
    before = now;
    if (sameAnswers) predictions.wake();
    else predictions.restart({ keepAnswers: false });
  });
}

/** `?backend=wasm` names one, for trying; else the order of the page. */
function wishOf(query: string): Wish {
  const named = new URLSearchParams(query).get("backend");
  const known = BACKEND_NAMES.find((name) => name === named);
  const order: readonly PageBackend[] = known ? [known] : BACKEND_NAMES;
  return { order, softwareGpu: known !== undefined };
}
