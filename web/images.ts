import type { PixelImage } from "../src/image/pixels.js";
import { edit, showError, type App } from "./state/app.js";
import { readDocument } from "./state/document.js";
import { startHistory } from "./state/history.js";
import { EMPTY_SESSION } from "./state/session.js";
import { firstWindow, type DisplayWindow } from "./view/window.js";
import type { ImageInfo, ImageMethods } from "./workers/imageWorker.js";
import { Remote } from "./workers/rpc.js";

/** Opens files and hands out slices, through a worker of its own that has no model and outlives one that fails. */
export class Images {
  private remote: Remote<ImageMethods> | undefined;
  private kept: { readonly slice: number; readonly image: Promise<PixelImage> } | undefined;
  /** How many images the worker has opened. */
  private opened = 0;
  /** Of what was asked to be opened last. */
  private opening: AbortController | undefined;
  /** Images that had prompts before the page was loaded anew, until they are opened. */
  private readonly leftOver: Set<string>;

  /** @param documents prompts by the hash of their images. */
  constructor(
    private readonly app: App,
    private readonly documents: ReadonlyMap<string, string>,
  ) {
    this.leftOver = new Set(documents.keys());
    let [slice, sha256]: [number, string | undefined] = [0, undefined];
    app.subscribe((state) => {
      if (state.image === undefined || (state.slice === slice && state.image.sha256 === sha256)) return;
      [slice, sha256] = [state.slice, state.image.sha256];
      void this.show(slice);
    });
  }

  get worker(): Remote<ImageMethods> {
    this.remote ??= this.startWorker();
    return this.remote;
  }

  /** Opens what a user gave: an image, a series, or a JSON file of prompts. An image takes the place of one that is still read. */
  async open(files: readonly File[]): Promise<void> {
    if (files.length === 0) return;
    if (files.length === 1 && /\.json$/i.test(files[0].name)) return this.openPrompts(files[0]);
    this.opening?.abort();
    const controller = (this.opening = new AbortController());
    const cancel = () => controller.abort();
    const show = (share: number) =>
      this.app.update({ activity: { what: `Reading ${files[0].name}`, share, cancel } });
    show(0);
    try {
      const image = await this.worker.call("open", files, { signal: controller.signal, onProgress: show });
      // The worker has it now: the page shows it, also when it was cancelled too late.
      const turn = ++this.opened;
      this.kept = undefined;
      const again = this.app.value.image?.sha256 === image.sha256;
      const slice = again ? this.app.value.slice : Math.floor(image.slices / 2);
      const pixels = await this.slice(slice);
      if (turn !== this.opened) return;
      this.app.update({ image, pixels, slice, notice: undefined });
      if (!again) this.begin(image);
    } catch (error) {
      if (controller.signal.aborted) return;
      showError(this.app, error);
    } finally {
      if (this.app.value.activity?.cancel === cancel) this.app.update({ activity: undefined });
    }
  }

  /** Opens an image of the page's own, unless the user opens another while it is fetched. */
  async openSample(url: string): Promise<void> {
    const { opening } = this;
    try {
      const response = await fetch(url);
      const file = new File([await response.blob()], "sample.png");
      if (this.opening === opening) await this.open([file]);
    } catch (error) {
      showError(this.app, error);
    }
  }

  /** A slice as stored. */
  slice(index: number): Promise<PixelImage> {
    if (this.kept?.slice !== index) this.kept = { slice: index, image: this.worker.call("slice", index) };
    return this.kept.image;
  }

  /** A slice in 8 bits, for the screen. */
  shown(slice: number, window: DisplayWindow): Promise<ImageBitmap> {
    return this.worker.call("shown", { slice, window });
  }

  /** An image that was not shown before: its first window, and the prompts that it had in this tab. */
  private begin(image: ImageInfo): void {
    const text = this.documents.get(image.sha256);
    this.app.update({
      history: startHistory(EMPTY_SESSION),
      window: firstWindow(image),
      intensity: image.modality === "CT" ? "ct-soft-tissue" : "preset",
    });
    if (text !== undefined) {
      const { session, settings } = readDocument(text, image);
      this.app.update({ ...settings, history: startHistory(session) });
    }
    this.leftOver.delete(image.sha256);
    const [waiting] = this.leftOver;
    const other = waiting && this.documents.get(waiting);
    if (!other) return;
    const { image: made } = JSON.parse(other) as { image: { file: string } };
    const said = `The page was loaded anew. Your prompts on ${made.file} are kept: open that image again.`;
    this.app.update({ notice: { kind: "info", text: said } });
  }

  private async openPrompts(file: File): Promise<void> {
    const { image } = this.app.value;
    try {
      if (image === undefined) throw new Error("open the image first, then its prompts");
      const { session, settings } = readDocument(await file.text(), image);
      // Another window, preset or crop is part of what makes the same masks.
      this.app.update({ ...settings });
      edit(this.app, session);
    } catch (error) {
      showError(this.app, `${file.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async show(slice: number): Promise<void> {
    try {
      const pixels = await this.slice(slice);
      if (this.app.value.slice === slice) this.app.update({ pixels });
    } catch (error) {
      showError(this.app, error);
    }
  }

  private startWorker(): Remote<ImageMethods> {
    const worker = new Worker(new URL("./workers/imageWorker.ts", import.meta.url), { type: "module" });
    return new Remote<ImageMethods>(
      worker,
      (crash) => {
        this.remote = this.kept = undefined;
        showError(this.app, crash);
      },
      (reason) => `the reader of images stopped: ${reason}; open the image again`,
    );
  }
}
