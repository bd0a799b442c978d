import type { Point } from "../src/predictor/types.js";
import { edit, sessionOf, type App, type Tool } from "./state/app.js";
import { redo, undo } from "./state/history.js";
import { addObject, placePoint } from "./state/session.js";
import { boxBetween, clampPoint } from "./view/boxes.js";
import type { Viewer } from "./view/viewer.js";

const TOOLS: Readonly<Record<string, Tool>> = { b: "prompt", x: "background", h: "pan", w: "window", m: "measure" }; // prettier-ignore
const ARROWS: Readonly<Record<string, Point>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }; // prettier-ignore

/** Everything that the pointer can do, by keys. */
export function listenToKeys(app: App, viewer: Viewer, canvas: HTMLElement): void {
  /** Where the box begins that the keyboard draws. */
  let corner: Point | undefined;
  // A box that was begun on one slice is none of another.
  let [image, slice] = [app.value.image, app.value.slice];
  app.subscribe((state) => {
    if (state.image === image && state.slice === slice) return;
    [image, slice] = [state.image, state.slice];
    corner = undefined;
    viewer.draft.show(undefined);
  });

  canvas.addEventListener("keydown", (event) => {
    const { image } = app.value;
    if (image === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (app.value.tool === "look") {
      if (lookByKey(event.key, arrow)) event.preventDefault();
      return;
    }
    const at = viewer.keyboardCursor;
    if (arrow) {
      const step = event.shiftKey ? 10 : 1;
      viewer.setCursor([at[0] + arrow[0] * step, at[1] + arrow[1] * step]);
      if (corner) viewer.draft.show(boxBetween(corner, viewer.keyboardCursor, image));
    } else if (event.key === "Enter") {
      viewer.setCursor(at);
      if (corner) viewer.draft.place();
      corner = corner ? undefined : at;
    } else if (event.key === "Escape") {
      corner = undefined;
      viewer.draft.show(undefined);
    } else if (event.key === "p" || event.key === "o") {
      viewer.setCursor(at);
      edit(app, placePoint(sessionOf(app.value), app.value.slice, { at, label: event.key === "p" ? 1 : 0 }));
    } else return;
    event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return;
      const { history } = app.value;
      app.update({ history: key === "y" || event.shiftKey ? redo(history) : undo(history) });
    } else if (event.altKey) return;
    else if (TOOLS[key] !== undefined) app.update({ tool: TOOLS[key] });
    else if (key === "n") edit(app, addObject(sessionOf(app.value)));
    else if (key === "0") viewer.fit();
    else if (key === "+" || key === "=") viewer.zoom(1.25);
    else if (key === "-") viewer.zoom(0.8);
    else if (key === "pageup" || key === "pagedown") step(key === "pageup" ? -1 : 1);
    else return;
    event.preventDefault();
  });

  /** Arrows go from cell to cell of the encoder's grid. @returns whether the key did something. */
  function lookByKey(key: string, arrow: Point | undefined): boolean {
    const { look } = app.value;
    if (key === "Escape") app.update({ tool: "prompt" });
    else if (look && arrow) {
      const [x, y] = look.at ?? viewer.keyboardCursor;
      const next: Point = [x + arrow[0] * look.step[0], y + arrow[1] * look.step[1]];
      viewer.setCursor(clampPoint(next, look.region));
      app.update({ look: { ...look, at: viewer.keyboardCursor } });
    } else return false;
    return true;
  }

  function step(by: number): void {
    const { image, slice } = app.value;
    if (image) app.update({ slice: Math.min(Math.max(slice + by, 0), image.slices - 1) });
  }
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && ["text", "number", "url", "range"].includes(target.type))
  );
}
