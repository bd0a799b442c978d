import { expect, test } from "vitest";
import type { Box } from "../../../src/predictor/types.js";
import { edit, sessionOf } from "../../../web/state/app.js";
import { editQuery, placeBox, selectedObject } from "../../../web/state/session.js";
import { Draft } from "../../../web/view/draft.js";
import { pressTool, type Ground } from "../../../web/view/tools.js";
import { FakeModel } from "./fakeModel.js";

const HAND = { shift: false, pan: false };

/** An image that is shown at its own size. */
function ground(): Ground {
  const { app, predictions } = new FakeModel();
  const draft = new Draft(app, predictions, () => undefined);
  return { app, draft, view: { x: 0, y: 0, scale: 1 }, measured: undefined };
}

const boxOf = ({ app }: Ground) => selectedObject(sessionOf(app.value))?.prompts.get(0)?.query.box;

test("a box that is drawn, or moved by a corner, ends below the pointer when the wheel zooms meanwhile", () => {
  const page = ground();
  const drawn = pressTool(page, [10, 10], HAND);
  drawn.move([20, 20]);
  page.view = { x: 0, y: 0, scale: 2 };
  drawn.end([80, 60], true);
  expect(boxOf(page)).toEqual([10, 10, 40, 30]);

  const moved = pressTool(page, [80, 60], HAND);
  page.view = { x: 10, y: 0, scale: 1 };
  moved.move([60, 70]);
  moved.end([60, 70], true);
  expect(boxOf(page)).toEqual([10, 10, 50, 70]);
});

test("the place whose attention is asked for stays below the pointer too, within what the model sees", () => {
  const page = ground();
  const region = { x: 5, y: 5, width: 50, height: 40 };
  page.app.update({ tool: "look", look: { step: [1, 1], region } });
  const drag = pressTool(page, [10, 10], HAND);
  page.view = { x: 0, y: 0, scale: 2 };
  drag.move([80, 60]);
  expect(page.app.value.look?.at).toEqual([40, 30]);
  drag.move([4, 160]);
  expect(page.app.value.look?.at).toEqual([5, 45]);
});

test("a refined object whose box is moved begins anew, without the mask of the box before", () => {
  const page = ground();
  const place = (box: Box) => edit(page.app, placeBox(sessionOf(page.app.value), 0, box));
  place([10, 10, 40, 30]);
  const maskInput = { width: 1, height: 1, data: Float32Array.of(1) };
  edit(
    page.app,
    editQuery(sessionOf(page.app.value), 0, (query) => ({ ...query, maskInput })),
  );
  const drag = pressTool(page, [40, 30], HAND);
  drag.move([90, 70]);
  drag.end([90, 70], true);
  expect(selectedObject(sessionOf(page.app.value))?.prompts.get(0)?.query).toEqual({
    box: [10, 10, 90, 70],
    points: [],
    multimask: false,
  });
});

test("a zoom by the wheel stays while the image is moved", () => {
  const page = ground();
  const drag = pressTool(page, [10, 10], { ...HAND, pan: true });
  drag.move([20, 10]);
  page.view = { x: 5, y: 5, scale: 2 };
  drag.move([30, 40]);
  expect(page.view).toEqual({ x: 15, y: 35, scale: 2 });
  drag.cancel();
  expect(page.view).toEqual({ x: 0, y: 0, scale: 1 });
});
