import { seenRegion } from "../../src/predictor/seenRegion.js";
import type { Point } from "../../src/predictor/types.js";
import { byId, make } from "../dom.js";
import { isFatal, type Engine } from "../engine.js";
import type { Images } from "../images.js";
import { promptOf, type Predictions } from "../predictions.js";
import { intensityOf, sessionOf, showError, type App, type AppState } from "../state/app.js";
import { CROP } from "../state/document.js";
import { selectedObject } from "../state/session.js";
import type { Activation, LayerInfo } from "../workers/inside.js";
import { Heads } from "./heads.js";
import { paintPicture } from "./pictures.js";
import { LayerTree } from "./tree.js";

interface Page {
  readonly app: App;
  readonly engine: Engine;
  readonly predictions: Predictions;
  readonly images: Images;
}

/** Milliseconds after which the page says what it is at. */
const SOON = 600;

/** The panel 'Look inside': the model's tree, a layer's activation, and where a global block's heads attend. */
export class Inside {
  private readonly tree: LayerTree;
  private readonly status = make("p", { class: "quiet", role: "status" });
  private readonly figure = make("figure", { hidden: true });
  private readonly heads: Heads;
  private layers: readonly LayerInfo[] = [];
  private isOpen = false;
  /** What the tree, and what pictures are of. */
  private model: string | undefined;
  private image: string | undefined;
  private running: AbortController | undefined;
  private asked: Point | undefined;
  private looking = false;

  constructor(
    private readonly page: Page,
    body: HTMLElement,
  ) {
    const rows = make("div", { role: "tree", class: "layers", "aria-label": "Layers of the model" });
    this.tree = new LayerTree(rows, (layer) => void this.choose(layer));
    this.heads = new Heads(page.app, () => this.pick());
    const columns = make("p", { class: "columns quiet", "aria-hidden": "true" });
    columns.append(...["Layer", "output, parameters"].map((text) => make("span", {}, text)));
    body.replaceChildren(make("div", {}, columns, rows), this.status, this.figure, this.heads.element);
    page.app.subscribe((state) => this.follow(state));
  }

  toggle(open: boolean): void {
    this.isOpen = open;
    if (!open) this.clear();
    this.follow(this.page.app.value);
  }

  /** Another model has another tree; pictures of another image, or of the same seen otherwise, are gone. */
  private follow(state: AppState): void {
    if (!this.isOpen) return;
    const { model, backend, image, slice, preset, crop, look } = state;
    const key = model && JSON.stringify([model.sha256, backend?.name, backend?.device]);
    // With a crop, what the model sees of an image depends on the prompt.
    const query = crop ? selectedObject(sessionOf(state))?.prompts.get(slice)?.query : undefined;
    const region = query && image && seenRegion(promptOf(query), CROP, image);
    const seen = JSON.stringify([image?.sha256, slice, preset, intensityOf(state), region]);
    if (key !== this.model || seen !== this.image) {
      const isOther = key !== this.model;
      [this.model, this.image] = [key, seen];
      this.clear();
      if (isOther) void this.list();
    }
    if (look?.at !== undefined && look.at !== this.asked) void this.lookAt(look.at);
  }

  private clear(): void {
    this.running?.abort();
    this.figure.hidden = true;
    this.heads.begin(undefined);
    this.asked = undefined;
    this.tree.choose(undefined);
    this.invite();
    this.endLook();
    this.page.engine.worker?.call("forgetInside", undefined).catch(() => undefined);
  }

  private endLook(): void {
    const { look, tool } = this.page.app.value;
    if (look) this.page.app.update({ look: undefined, ...(tool === "look" && { tool: "prompt" }) });
  }

  private invite(): void {
    const also = this.globalBlocks === "" ? "" : ` Of ${this.globalBlocks} also where each head attends.`;
    this.say(`Choose a layer to see what it computes of this image.${also}`);
  }

  /** Numbers of the blocks that attend over the whole image, for people. */
  private get globalBlocks(): string {
    const numbers = this.layers.flatMap(({ path, globalHeads }) => globalHeads ? [path.split(".").at(-1)!] : []); // prettier-ignore
    return numbers.length === 0 ? "" : `blocks ${new Intl.ListFormat("en-GB").format(numbers)}`;
  }

  private say(text: string): void {
    this.status.textContent = text;
    this.status.hidden = text === "";
  }

  private async list(): Promise<void> {
    const { worker } = this.page.engine;
    const of = this.model;
    try {
      const layers = (await worker?.call("layers", undefined)) ?? [];
      if (of !== this.model) return;
      this.layers = layers;
      this.tree.show(layers);
      if (worker === undefined) this.say("The model is not ready yet.");
      else this.invite();
    } catch (error) {
      this.failed(error);
    }
  }

  /** Computes a layer's output anew; what was computed before makes room for it. */
  private async choose({ path, shape }: LayerInfo): Promise<void> {
    const { app, engine, predictions, images } = this.page;
    this.running?.abort();
    const controller = new AbortController();
    this.running = controller;
    const cancel = () => controller.abort();
    const show = (share?: number) => {
      if (!controller.signal.aborted)
        app.update({ activity: { what: `Looking inside ${path}`, ...(share !== undefined && { share }), cancel } }); // prettier-ignore
    };
    this.endLook();
    this.asked = undefined;
    this.heads.begin(undefined);
    this.figure.hidden = true;
    this.tree.choose(path);
    this.say(`${path} [${shape?.join(", ")}] is being computed.`);
    try {
      const { slice, preset, crop } = app.value;
      const query = selectedObject(sessionOf(app.value))?.prompts.get(slice)?.query;
      if (!path.startsWith("image_encoder") && query === undefined)
        throw new Error(`${path} computes for a prompt: draw a box or set a point first`);
      await predictions.settled();
      const { worker } = engine;
      controller.signal.throwIfAborted();
      if (worker === undefined) throw new Error("no model is in use: choose a backend first");
      show();
      const intensity = intensityOf(app.value);
      const found = await worker.call(
        "activation",
        {
          ...{ image: await images.slice(slice), preset, path, crop: crop ? CROP : 0 },
          ...(intensity !== undefined && { intensity }),
          ...(query && { prompt: promptOf(query) }),
        },
        { signal: controller.signal, onProgress: show },
      );
      if (controller.signal.aborted) return;
      this.show(path, found);
    } catch (error) {
      if (this.running !== controller) return;
      this.tree.choose(undefined);
      this.invite();
      if (!controller.signal.aborted) this.failed(error);
    } finally {
      if (app.value.activity?.cancel === cancel) app.update({ activity: undefined });
    }
  }

  private show(path: string, { shape, range, kind, picture, cover, region }: Activation): void {
    const { app } = this.page;
    const canvas = make("canvas", {
      role: "img",
      "aria-label": `Activation of ${path}`,
    }) as HTMLCanvasElement;
    paintPicture(canvas, picture);
    const facts = `[${shape.join(", ")}], ${range.map((value) => value.toPrecision(3).replace("-", "−")).join(" to ")}. `;
    const caption = make(
      "figcaption",
      { class: "quiet" },
      make("strong", {}, path),
      ` ${facts}${KINDS[kind]}`,
    );
    this.figure.replaceChildren(canvas, caption);
    this.figure.hidden = false;
    this.say("");
    const block = this.layers.find((layer) => layer.isBlock && `${path}.`.startsWith(`${layer.path}.`));
    const heads = block?.globalHeads;
    this.heads.begin(heads);
    if (block !== undefined && heads === undefined && this.globalBlocks !== "")
      this.say(
        `The heads of this block attend inside windows, those of ${this.globalBlocks} to the whole image.`,
      );
    const { image } = app.value;
    if (heads === undefined || image === undefined) return;
    app.update({ look: { step: [region.width / cover.width, region.height / cover.height], region } });
  }

  /** Gives the pointer and the arrow keys on the image to picking, or back to prompts. */
  private pick(): void {
    const { app } = this.page;
    const { tool, look, image, slice } = app.value;
    if (tool === "look") return app.update({ tool: "prompt" });
    if (look === undefined || image === undefined) return;
    const box = selectedObject(sessionOf(app.value))?.prompts.get(slice)?.query.box;
    const { x, y, width, height } = look.region;
    const [x0, y0, x1, y1] = box ?? [x, y, x + width, y + height];
    const at: Point = look.at ?? [(x0 + x1) / 2, (y0 + y1) / 2];
    app.update({ tool: "look", look: { ...look, at } });
    const canvas = byId("canvas");
    canvas.focus({ preventScroll: true });
    canvas.scrollIntoView({ block: "nearest" });
  }

  /** One place after the other; of those that came meanwhile the last. */
  private async lookAt(at: Point): Promise<void> {
    this.asked = at;
    if (this.looking) return;
    this.looking = true;
    const { app } = this.page;
    const activity = { what: "Looking from this place" };
    const timer = setTimeout(() => app.update({ activity }), SOON);
    try {
      for (let done: Point | undefined; this.asked !== undefined && this.asked !== done;) {
        done = this.asked;
        const found = await this.page.engine.worker?.call("attention", done);
        if (found && this.asked !== undefined) this.heads.show(found);
      }
    } catch (error) {
      if (this.asked !== undefined) this.failed(error);
    } finally {
      this.looking = false;
      clearTimeout(timer);
      if (app.value.activity === activity) app.update({ activity: undefined });
    }
  }

  private failed(error: unknown): void {
    if (isFatal(error)) this.page.engine.failed(error);
    else showError(this.page.app, error);
  }
}

const KINDS: Readonly<Record<Activation["kind"], string>> = {
  components:
    "Three principal components as red, green and blue: places of one colour are alike to the model.",
  channel: "Its first channel, dark to light.",
  matrix: "Rows are places or tokens, columns channels; dark to light.",
};
