import type { PixelImage } from "../../src/image/pixels.js";
import type { Box, Point } from "../../src/predictor/types.js";
import type { Predictions } from "../predictions.js";
import { edit, sessionOf, type App, type AppState } from "../state/app.js";
import {
  editQuery,
  isSameQuery,
  placeBox,
  placePoint,
  selectedObject,
  type Query,
} from "../state/session.js";
import { boxBetween, clampPoint, oppositeCorner } from "./boxes.js";
import { listenToGestures, type At, type Drag, type Modifiers } from "./gestures.js";
import { colourOf } from "./palette.js";
import { drawScene, HANDLE, type Scene } from "./scene.js";
import { fit, pan, toImage, zoomAt, type Transform } from "./transform.js";
import { valueAt } from "./value.js";
import { dragged, paint, type DisplayWindow } from "./window.js";

const NOTHING: Drag = { move: () => undefined, end: () => undefined, cancel: () => undefined };

/** The canvas: shows the slice with its masks, and turns pointers into prompts. */
export class Viewer {
  private view: Transform = { x: 0, y: 0, scale: 1 };
  private picture: OffscreenCanvas | undefined;
  private painted: { readonly pixels: PixelImage; readonly window: DisplayWindow } | undefined;
  private draft: Box | undefined;
  private draftQuery: Query | undefined;
  private measured: Scene["measured"];
  private cursor: Point | undefined;
  private shown: string | undefined;
  private waiting = false;
  private readonly context: CanvasRenderingContext2D;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly app: App,
    private readonly predictions: Predictions,
    /** Told the place and value under the pointer. */
    private readonly onHover: (text: string) => void,
  ) {
    this.context = canvas.getContext("2d")!;
    listenToGestures(canvas, {
      press: (at, modifiers) => this.press(at, modifiers),
      zoom: (at, factor, moved) => this.setView(pan(this.zoomed(at, factor), ...moved)),
      hover: (at) => this.hover(at),
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => this.draw());
    app.subscribe((state) => this.update(state));
  }

  /** The whole image. */
  fit(): void {
    const { image } = this.app.value;
    if (image) this.setView(fit(image, this.size));
  }

  /** Zooms around the middle. */
  zoom(factor: number): void {
    this.setView(this.zoomed([this.size.width / 2, this.size.height / 2], factor));
  }

  panBy(dx: number, dy: number): void {
    this.setView(pan(this.view, dx, dy));
  }

  /** The keyboard's place on the image, in the middle at first. */
  get keyboardCursor(): Point {
    const { image } = this.app.value;
    return this.cursor ?? (image ? [Math.round(image.width / 2), Math.round(image.height / 2)] : [0, 0]);
  }

  /** Moves the keyboard's place; undefined hides it. */
  setCursor(at: Point | undefined): void {
    const { image } = this.app.value;
    this.cursor = at && image && clampPoint(at, image);
    const { pixels } = this.app.value;
    if (this.cursor && pixels) this.onHover(valueAt(pixels, this.cursor));
    this.draw();
  }

  /** Shows a box that is not placed yet, with its mask; undefined ends that. */
  setDraft(box: Box | undefined): void {
    this.draft = box;
    this.draftQuery = box && this.queryWith(box);
    if (box === undefined) this.preview = undefined;
    this.predictions.show(this.draftQuery);
    this.draw();
  }

  /** Places the box that is shown. */
  placeDraft(): void {
    const { draft, draftQuery } = this;
    if (draft && draftQuery) {
      const { slice } = this.app.value;
      const session = placeBox(sessionOf(this.app.value), slice, draft);
      // The very query that was asked while drawing: its mask is there already.
      edit(
        this.app,
        editQuery(session, slice, (query) => (isSameQuery(query, draftQuery) ? draftQuery : query)),
      );
    }
    this.setDraft(undefined);
  }

  private get size() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  /** What would be asked if this box was placed. */
  private queryWith(box: Box): Query {
    const { slice } = this.app.value;
    const next = placeBox(sessionOf(this.app.value), slice, box);
    return selectedObject(next)!.prompts.get(slice)!.query;
  }

  private zoomed(at: At, factor: number): Transform {
    const { image } = this.app.value;
    const least = image ? fit(image, this.size).scale / 2 : 0.01;
    return zoomAt(this.view, at, factor, least);
  }

  private setView(view: Transform): void {
    this.view = view;
    this.draw();
  }

  private update({ image, pixels, window }: AppState): void {
    if (pixels && (this.painted?.pixels !== pixels || this.painted.window !== window)) {
      this.picture = new OffscreenCanvas(pixels.width, pixels.height);
      this.picture.getContext("2d")!.putImageData(paint(pixels, window), 0, 0);
      this.painted = { pixels, window };
    }
    if (image && this.shown !== image.sha256) {
      this.shown = image.sha256;
      this.cursor = this.measured = undefined;
      this.fit();
    }
    this.draw();
  }

  private resize(): void {
    const ratio = devicePixelRatio;
    const { width, height } = this.size;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.fit();
  }

  private press(at: At, { shift, pan: panning }: Modifiers): Drag {
    const { image, tool } = this.app.value;
    if (image === undefined) return NOTHING;
    this.cursor = undefined;
    if (panning || tool === "pan") return this.panDrag(at);
    if (tool === "window") return this.windowDrag(at);
    if (tool === "measure") return this.measureDrag(at);
    return this.promptDrag(at, tool === "background" || shift ? 0 : 1);
  }

  private panDrag(start: At): Drag {
    const before = this.view;
    return {
      move: (at) => this.setView(pan(before, at[0] - start[0], at[1] - start[1])),
      end: () => undefined,
      cancel: () => this.setView(before),
    };
  }

  private windowDrag(start: At): Drag {
    const { window: before, image } = this.app.value;
    return {
      move: (at) =>
        this.app.update({ window: dragged(before, image!.range, at[0] - start[0], at[1] - start[1]) }),
      end: () => undefined,
      cancel: () => this.app.update({ window: before }),
    };
  }

  private measureDrag(start: At): Drag {
    const { image } = this.app.value;
    const from = toImage(this.view, start);
    return {
      move: (at) => {
        const to = toImage(this.view, at);
        const [x, y] = image!.spacing ?? [1, 1];
        const length = Math.hypot((to[0] - from[0]) * x, (to[1] - from[1]) * y);
        this.measured = { from, to, text: `${length.toFixed(1)} ${image!.spacing ? "mm" : "px"}` };
        this.draw();
      },
      end: (_, moved) => {
        if (!moved) this.measured = undefined;
        this.draw();
      },
      cancel: () => (this.measured = undefined),
    };
  }

  /** A drag is a box, from where it began or from the corner of the selected one; a click is a point. */
  private promptDrag(start: At, label: 0 | 1): Drag {
    const { image, slice } = this.app.value;
    const from = toImage(this.view, start);
    const box = selectedObject(sessionOf(this.app.value))?.prompts.get(slice)?.query.box;
    const corner = box && oppositeCorner(box, from, HANDLE / this.view.scale);
    const draftTo = (at: At) => boxBetween(corner ?? from, toImage(this.view, at), image!);
    return {
      move: (at) => (corner ? this.reshape(draftTo(at)) : this.setDraft(draftTo(at))),
      end: (at, moved) => {
        if (corner) return this.endReshape(moved ? draftTo(at) : undefined);
        if (moved) {
          this.setDraft(draftTo(at));
          return this.placeDraft();
        }
        const inside = from[0] >= 0 && from[1] >= 0 && from[0] <= image!.width && from[1] <= image!.height;
        const place: Point = [Math.round(from[0] * 2) / 2, Math.round(from[1] * 2) / 2];
        if (inside)
          edit(this.app, placePoint(sessionOf(this.app.value), slice, { at: clampPoint(place, image!), label })); // prettier-ignore
      },
      cancel: () => this.setDraft(undefined),
    };
  }

  /** Shows the selected object with another box. */
  private reshape(box: Box | undefined): void {
    const { slice } = this.app.value;
    const query = selectedObject(sessionOf(this.app.value))!.prompts.get(slice)!.query;
    this.draft = box;
    this.draftQuery = box && { ...query, box };
    this.predictions.show(this.draftQuery);
    this.draw();
  }

  private endReshape(box: Box | undefined): void {
    const { slice } = this.app.value;
    if (box) {
      this.reshape(box);
      const query = this.draftQuery!;
      edit(
        this.app,
        editQuery(sessionOf(this.app.value), slice, () => query),
      );
    }
    this.setDraft(undefined);
  }

  private hover(at: At | undefined): void {
    const { pixels } = this.app.value;
    if (at === undefined || pixels === undefined) return this.onHover("");
    this.onHover(valueAt(pixels, toImage(this.view, at)));
  }

  /** Draws once, before the next frame. */
  private draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      drawScene(this.context, this.scene(), this.view, devicePixelRatio);
    });
  }

  private scene(): Scene {
    const { image, slice } = this.app.value;
    const session = sessionOf(this.app.value);
    const objects: Scene["objects"][number][] = session.objects.flatMap((object) => {
      const prompt = object.prompts.get(slice);
      if (prompt === undefined || !object.visible) return [];
      const mask = this.predictions.candidate(prompt)?.mask;
      const { box, points } = prompt.query;
      return [{ colour: colourOf(object.colour), selected: object.id === session.selected, points, ...(box && { box }), ...(mask && { mask }) }]; // prettier-ignore
    });
    const preview = this.draftQuery && this.lastPreview(this.draftQuery);
    if (preview) objects.push({ colour: [255, 255, 255], selected: false, points: [], mask: preview });
    return {
      objects,
      ...(this.picture && { picture: this.picture }),
      ...(this.draft && { draft: this.draft }),
      ...(this.measured && { measured: this.measured }),
      ...(this.cursor && document.activeElement === this.canvas && { cursor: this.cursor }),
      ...(image?.spacing && { spacing: image.spacing }),
    };
  }

  private preview: ReturnType<Predictions["candidate"]>;

  /** The mask of the box as it is, or until that is there, as it was a moment ago. */
  private lastPreview(query: Query) {
    this.preview = this.predictions.candidate({ query }) ?? this.preview;
    return this.preview?.mask;
  }
}
