import type { Point } from "../../src/predictor/types.js";
import { edit, sessionOf, type App } from "../state/app.js";
import { placePoint, selectedObject } from "../state/session.js";
import type { ImageInfo } from "../workers/imageWorker.js";
import { boxBetween, clampPoint, oppositeCorner } from "./boxes.js";
import type { Draft } from "./draft.js";
import type { At, Drag, Modifiers } from "./gestures.js";
import { HANDLE, type Scene } from "./scene.js";
import { pan, toImage, type Transform } from "./transform.js";
import { dragged } from "./window.js";

/** What the tools change, and what is drawn anew when they do. */
export interface Ground {
  readonly app: App;
  readonly draft: Draft;
  view: Transform;
  /** A line that is being measured. */
  measured: Scene["measured"];
}

const NOTHING: Drag = { move: () => undefined, end: () => undefined, cancel: () => undefined };

/** What a press does with the tool in use. */
export function pressTool(ground: Ground, at: At, { shift, pan: panning }: Modifiers): Drag {
  const { image, tool } = ground.app.value;
  if (image === undefined) return NOTHING;
  if (panning || tool === "pan") return panDrag(ground, at);
  if (tool === "window") return windowDrag(ground, image, at);
  if (tool === "look") return lookDrag(ground);
  if (tool === "measure") return measureDrag(ground, image, at);
  return promptDrag(ground, image, at, tool === "background" || shift ? 0 : 1);
}

function panDrag(ground: Ground, start: At): Drag {
  const before = ground.view;
  let last = start;
  return {
    move: (at) => {
      ground.view = pan(ground.view, at[0] - last[0], at[1] - last[1]);
      last = at;
    },
    end: () => undefined,
    cancel: () => (ground.view = before),
  };
}

function windowDrag({ app }: Ground, { range }: ImageInfo, start: At): Drag {
  const { window: before } = app.value;
  return {
    move: (at) => app.update({ window: dragged(before, range, at[0] - start[0], at[1] - start[1]) }),
    end: () => undefined,
    cancel: () => app.update({ window: before }),
  };
}

function measureDrag(ground: Ground, { spacing }: ImageInfo, start: At): Drag {
  const from = toImage(ground.view, start);
  const [x, y] = spacing ?? [1, 1];
  return {
    move: (at) => {
      const to = toImage(ground.view, at);
      const length = Math.hypot((to[0] - from[0]) * x, (to[1] - from[1]) * y);
      ground.measured = { from, to, text: `${length.toFixed(1)} ${spacing ? "mm" : "px"}` };
    },
    end: (_, moved) => {
      if (!moved) ground.measured = undefined;
    },
    cancel: () => (ground.measured = undefined),
  };
}

/** The place follows the pointer. */
function lookDrag(ground: Ground): Drag {
  const { app } = ground;
  const { look } = app.value;
  const lookAt = (at: At) => {
    const now = app.value.look;
    if (now) app.update({ look: { ...now, at: clampPoint(toImage(ground.view, at), now.region) } });
  };
  return { move: lookAt, end: lookAt, cancel: () => app.update({ look }) };
}

/** A drag is a box, from where it began or from the corner of the selected one; a click is a point. */
function promptDrag(ground: Ground, image: ImageInfo, start: At, label: 0 | 1): Drag {
  const { app, draft } = ground;
  const { slice } = app.value;
  const from = toImage(ground.view, start);
  const box = selectedObject(sessionOf(app.value))?.prompts.get(slice)?.query.box;
  const corner = box && oppositeCorner(box, from, HANDLE / ground.view.scale);
  // On another slice than it began on, which the keyboard goes to meanwhile, there is none.
  const boxTo = (at: At) =>
    app.value.slice === slice && app.value.image === image
      ? boxBetween(corner ?? from, toImage(ground.view, at), image)
      : undefined;
  const cancel = () => draft.show(undefined);
  if (corner)
    return {
      move: (at) => draft.reshape(boxTo(at)),
      end: (at, moved) => {
        draft.reshape(moved ? boxTo(at) : undefined);
        draft.placeReshaped();
      },
      cancel,
    };
  return {
    move: (at) => draft.show(boxTo(at)),
    end: (at, moved) => {
      if (moved) {
        draft.show(boxTo(at));
        return draft.place();
      }
      const inside = from[0] >= 0 && from[1] >= 0 && from[0] <= image.width && from[1] <= image.height;
      const place: Point = [Math.round(from[0] * 2) / 2, Math.round(from[1] * 2) / 2];
      if (inside) edit(app, placePoint(sessionOf(app.value), slice, { at: clampPoint(place, image), label }));
    },
    cancel,
  };
}
