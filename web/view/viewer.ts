import type { Point } from "../../src/predictor/types.js";
import type { Images } from "../images.js";
import type { Predictions } from "../predictions.js";
import { sessionOf, type App, type AppState } from "../state/app.js";
import { clampPoint } from "./boxes.js";
import { Draft } from "./draft.js";
import { listenToGestures, type At } from "./gestures.js";
import { maskLayer, type ShownMask } from "./maskLayer.js";
import { MaskStack } from "./maskStack.js";
import { colourOf, WHITE } from "./palette.js";
import { Picture } from "./picture.js";
import { drawScene, type DrawnObject, type Scene } from "./scene.js";
import { pressTool, type Ground } from "./tools.js";
import { fit, pan, recentred, toImage, zoomAt, type Transform } from "./transform.js";
import { valueAt } from "./value.js";

/** The canvas: shows the slice with its masks, and gives pointers on it to the tool in use. */
export class Viewer implements Ground {
  readonly draft: Draft;
  private transform: Transform = { x: 0, y: 0, scale: 1 };
  /** The image is shown whole, and is to stay so when the canvas gets another size. */
  private fitted = true;
  private size = { width: 0, height: 0 };
  private readonly picture: Picture;
  private readonly stack = new MaskStack();
  private line: Scene["measured"];
  private cursor: Point | undefined;
  private shown: string | undefined;
  private waiting = false;
  private readonly context: CanvasRenderingContext2D;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    readonly app: App,
    private readonly predictions: Predictions,
    images: Images,
    /** Told the place and value under the pointer. */
    private readonly onHover: (text: string) => void,
  ) {
    this.context = canvas.getContext("2d")!;
    this.draft = new Draft(app, predictions, () => this.draw());
    this.picture = new Picture(images, () => this.draw());
    listenToGestures(canvas, {
      press: (at, modifiers) => {
        this.cursor = undefined;
        return pressTool(this, at, modifiers);
      },
      zoom: (at, factor, moved) => (this.view = pan(this.zoomed(at, factor), ...moved)),
      hover: (at) => this.hover(at),
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => this.draw());
    app.subscribe((state) => this.update(state));
  }

  get view(): Transform {
    return this.transform;
  }

  set view(view: Transform) {
    this.transform = view;
    this.fitted = false;
    this.draw();
  }

  get measured(): Scene["measured"] {
    return this.line;
  }

  set measured(line: Scene["measured"]) {
    this.line = line;
    this.draw();
  }

  /** The whole image. */
  fit(): void {
    const { image } = this.app.value;
    if (image) this.view = fit(image, this.size);
    this.fitted = true;
  }

  /** Zooms around the middle. */
  zoom(factor: number): void {
    this.view = this.zoomed([this.size.width / 2, this.size.height / 2], factor);
  }

  /** The keyboard's place on the image, in the middle at first. */
  get keyboardCursor(): Point {
    const { image } = this.app.value;
    return this.cursor ?? (image ? [Math.round(image.width / 2), Math.round(image.height / 2)] : [0, 0]);
  }

  /** Moves the keyboard's place. */
  setCursor(at: Point): void {
    const { image, pixels } = this.app.value;
    this.cursor = image && clampPoint(at, image);
    if (this.cursor && pixels) this.onHover(valueAt(pixels, this.cursor));
    this.draw();
  }

  private zoomed(at: At, factor: number): Transform {
    const { image } = this.app.value;
    const least = image ? fit(image, this.size).scale / 2 : 0.01;
    return zoomAt(this.transform, at, factor, least);
  }

  private update({ image, pixels, slice, window }: AppState): void {
    if (pixels) this.picture.want({ pixels, slice, window });
    if (image && this.shown !== image.sha256) {
      this.shown = image.sha256;
      this.cursor = this.line = undefined;
      this.onHover("");
      this.fit();
    }
    this.draw();
  }

  /** A picture that is shown whole stays whole; else its middle stays in the middle. */
  private resize(): void {
    const before = this.size;
    this.size = { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
    this.canvas.width = Math.round(this.size.width * devicePixelRatio);
    this.canvas.height = Math.round(this.size.height * devicePixelRatio);
    if (this.fitted) this.fit();
    else this.view = recentred(this.transform, before, this.size);
  }

  private hover(at: At | undefined): void {
    const { pixels } = this.app.value;
    if (at === undefined || pixels === undefined) return this.onHover("");
    this.onHover(valueAt(pixels, toImage(this.transform, at)));
  }

  /** Draws once, before the next frame. */
  private draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      drawScene(this.context, this.scene(), this.transform, devicePixelRatio);
    });
  }

  private scene(): Scene {
    const { image, slice, look, tool } = this.app.value;
    const session = sessionOf(this.app.value);
    const objects: DrawnObject[] = [];
    const masks: ShownMask[] = [];
    for (const object of session.objects) {
      const prompt = object.prompts.get(slice);
      if (prompt === undefined || !object.visible) continue;
      const colour = colourOf(object.colour);
      const { box, points } = prompt.query;
      objects.push({ colour, selected: object.id === session.selected, points, ...(box && { box }) });
      const found = this.predictions.candidate(prompt);
      if (found) masks.push({ ...found, colour });
    }
    const { mask, box } = this.draft;
    // Until that of another image is there, nothing.
    const { bitmap } = this.picture;
    return {
      objects,
      picture: bitmap?.width === image?.width && bitmap?.height === image?.height ? bitmap : undefined,
      masks: this.stack.picture(masks),
      preview: mask && maskLayer({ ...mask, colour: WHITE }),
      heat: look?.heat,
      place: look?.heat || tool === "look" ? look?.at : undefined,
      draft: box,
      measured: this.line,
      cursor: document.activeElement === this.canvas ? this.cursor : undefined,
      spacing: image?.spacing,
    };
  }
}
