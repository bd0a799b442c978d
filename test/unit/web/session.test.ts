import { expect, test } from "vitest";
import { record, redo, replacePresent, startHistory, undo } from "../../../web/state/history.js";
import {
  addObject,
  editObject,
  editQuery,
  EMPTY_SESSION,
  pickCandidate,
  placeBox,
  placePoint,
  removeObject,
  selectedObject,
  selectObject,
} from "../../../web/state/session.js";

const BOX = [1, 2, 30, 40] as const;
const OTHER = [5, 6, 7, 8] as const;

test("boxes one after the other are objects of their own, with colours of their own", () => {
  const two = placeBox(placeBox(EMPTY_SESSION, 0, BOX), 0, OTHER);
  expect(two.objects.map(({ name, colour }) => [name, colour])).toEqual([["Object 1", 0], ["Object 2", 1]]); // prettier-ignore
  expect(two.objects.map(({ prompts }) => prompts.get(0)?.query.box)).toEqual([BOX, OTHER]);
  expect(two.selected).toBe(2);
});

test("on another slice a box belongs to the selected object", () => {
  const session = placeBox(placeBox(EMPTY_SESSION, 0, BOX), 3, OTHER);
  expect(session.objects).toHaveLength(1);
  expect([...session.objects[0].prompts.keys()]).toEqual([0, 3]);
});

test("points join the selected object's box; an emptied prompt is gone", () => {
  const session = placePoint(placeBox(EMPTY_SESSION, 0, BOX), 0, { at: [9, 9], label: 0 });
  const query = selectedObject(session)!.prompts.get(0)!.query;
  expect(query).toMatchObject({ box: BOX, points: [{ at: [9, 9], label: 0 }] });
  const emptied = editQuery(session, 0, () => ({ points: [], multimask: false }));
  expect(emptied.objects[0].prompts.size).toBe(0);
});

test("a picked candidate stays while there are candidates", () => {
  const asked = editQuery(placeBox(EMPTY_SESSION, 0, BOX), 0, (query) => ({ ...query, multimask: true }));
  const picked = pickCandidate(asked, 0, 2);
  const more = editQuery(picked, 0, (query) => ({ ...query, points: [{ at: [1, 1], label: 1 }] }));
  expect(more.objects[0].prompts.get(0)?.candidate).toBe(2);
  const single = editQuery(more, 0, (query) => ({ ...query, multimask: false }));
  expect(single.objects[0].prompts.get(0)?.candidate).toBeUndefined();
});

test("removing selects a neighbour and frees the colour, never the number", () => {
  const three = addObject(addObject(addObject(EMPTY_SESSION)));
  const two = removeObject(selectObject(three, 2), 2);
  expect([two.selected, removeObject(two, 1).selected]).toEqual([3, 3]);
  expect(removeObject(removeObject(two, 1), 3).selected).toBeUndefined();
  expect(addObject(two).objects.at(-1)).toMatchObject({ id: 4, colour: 1, name: "Object 4" });
});

test("an edit leaves the queries of others as they are, so that their masks stay", () => {
  const two = placeBox(placeBox(EMPTY_SESSION, 0, BOX), 0, OTHER);
  const named = editObject(two, 2, { name: "lesion" });
  for (const n of [0, 1])
    expect(named.objects[n].prompts.get(0)?.query).toBe(two.objects[n].prompts.get(0)?.query);
});

test("history goes back and forth; a new step drops what was undone", () => {
  let history = record(record(startHistory("a"), "b"), "c");
  history = undo(undo(history));
  expect([history.present, undo(history).present, redo(history).present]).toEqual(["a", "a", "b"]);
  expect(record(history, "d").future).toEqual([]);
  expect(redo(redo(redo(history))).present).toBe("c");
  expect(undo(replacePresent(record(startHistory("a"), "b"), "B")).present).toBe("a");
});
