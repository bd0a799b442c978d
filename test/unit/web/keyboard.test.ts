import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Point } from "../../../src/predictor/types.js";
import { listenToKeys } from "../../../web/keyboard.js";
import { sessionOf } from "../../../web/state/app.js";
import { selectedObject } from "../../../web/state/session.js";
import { Draft } from "../../../web/view/draft.js";
import { pressTool } from "../../../web/view/tools.js";
import type { Viewer } from "../../../web/view/viewer.js";
import type { ImageInfo } from "../../../web/workers/imageWorker.js";
import { FakeModel, turns } from "./fakeModel.js";

beforeEach(() => void vi.stubGlobal("document", new EventTarget()));
afterEach(() => vi.unstubAllGlobals());

/** An image that is drawn on, shown at its own size. */
function drawing() {
  const fake = new FakeModel();
  const { app, predictions } = fake;
  const draft = new Draft(app, predictions, () => undefined);
  const canvas = new EventTarget();
  const viewer = {
    keyboardCursor: [10, 20] as Point,
    setCursor: (at: Point) => (viewer.keyboardCursor = at),
    draft,
  };
  listenToKeys(app, viewer as unknown as Viewer, canvas as HTMLElement);
  const press = (...keys: string[]) =>
    keys.forEach((key) => canvas.dispatchEvent(Object.assign(new Event("keydown"), { key, shiftKey: true })));
  const ground = { app, draft, view: { x: 0, y: 0, scale: 1 }, measured: undefined };
  return { fake, app, predictions, draft, press, ground };
}

test("the mask follows a box that is drawn, and stays when it is placed", async () => {
  const { fake, app, predictions, draft, press } = drawing();
  press("Enter", "ArrowRight", "ArrowDown");
  expect(draft.box).toEqual([10, 20, 20, 30]);
  await fake.encoded();
  await fake.predicted(2);
  expect(draft.mask?.scores).toEqual([2]);
  press("ArrowDown");
  // The one of a moment ago, until the next is there.
  expect(draft.mask?.scores).toEqual([2]);
  await fake.predicted(3);
  expect(draft.mask?.scores).toEqual([3]);
  press("Enter");
  const placed = selectedObject(sessionOf(app.value))!.prompts.get(0)!;
  expect(placed.query.box).toEqual([10, 20, 20, 40]);
  expect(predictions.candidate(placed)?.scores).toEqual([3]);
  await turns();
  expect([fake.waiting, draft.box]).toEqual([[], undefined]);
});

test.each([
  ["slice", { slice: 1 }],
  ["image", { image: { sha256: "22", width: 100, height: 80, slices: 1 } as ImageInfo }],
])("a box that the keyboard began is gone on another %s", async (_, other) => {
  const { fake, app, predictions, draft, press } = drawing();
  press("Enter", "ArrowRight", "ArrowDown");
  await fake.encoded();
  await fake.predicted();
  app.update(other);
  predictions.wake();
  await turns();
  expect([draft.box, draft.mask]).toEqual([undefined, undefined]);
  // Begins another one, and places nothing.
  press("Enter");
  expect(sessionOf(app.value).objects).toEqual([]);
  press("ArrowRight", "ArrowDown");
  expect(draft.box).toEqual([20, 30, 30, 40]);
});

test("a box that is dragged, or moved by a corner, is left as it was on another slice", async () => {
  const { app, draft, ground } = drawing();
  const hand = { shift: false, pan: false };
  const first = pressTool(ground, [10, 20], hand);
  first.move([30, 50]);
  first.end([30, 50], true);
  for (const corner of [
    [30, 50],
    [60, 60],
  ] as const) {
    app.update({ slice: 0 });
    await turns();
    const drag = pressTool(ground, corner, hand);
    drag.move([70, 70]);
    expect(draft.box).toBeDefined();
    app.update({ slice: 1 });
    await turns();
    drag.move([75, 75]);
    expect(draft.box).toBeUndefined();
    drag.end([75, 75], true);
  }
  const [object, ...others] = sessionOf(app.value).objects;
  expect([...object.prompts].map(([slice, { query }]) => [slice, query.box])).toEqual([[0, [10, 20, 30, 50]]]); // prettier-ignore
  expect(others).toEqual([]);
});
