import type { Box, LogitMap, Point } from "../../src/predictor/types.js";

// What the user has made, as values that never change: an edit gives a new session, so that undoing is going back.

/** What the model is asked on one slice. Its identity is what masks are kept under. */
export interface Query {
  readonly box?: Box;
  readonly points: readonly PointPrompt[];
  /** Ask for three candidates. */
  readonly multimask: boolean;
  /** Logits of an earlier answer, fed back. */
  readonly maskInput?: LogitMap;
}

export interface PointPrompt {
  readonly at: Point;
  /** 1 in the object, 0 outside it. */
  readonly label: 0 | 1;
}

/** One object on one slice. */
export interface SlicePrompt {
  readonly query: Query;
  /** The candidate that was picked; undefined: the one scored best. */
  readonly candidate?: number;
}

export interface SegmentObject {
  readonly id: number;
  readonly name: string;
  /** Number of its colour in the palette. */
  readonly colour: number;
  readonly visible: boolean;
  /** By slice number. */
  readonly prompts: ReadonlyMap<number, SlicePrompt>;
}

export interface Session {
  readonly objects: readonly SegmentObject[];
  /** Id of the selected object. */
  readonly selected?: number;
  readonly nextId: number;
}

export const EMPTY_SESSION: Session = { objects: [], nextId: 1 };

const EMPTY_QUERY: Query = { points: [], multimask: false };

export function selectedObject({ objects, selected }: Session): SegmentObject | undefined {
  return objects.find(({ id }) => id === selected);
}

/** Adds an object without prompts and selects it. */
export function addObject(session: Session): Session {
  const id = session.nextId;
  const used = new Set(session.objects.map(({ colour }) => colour));
  let colour = 0;
  while (used.has(colour)) colour++;
  const object: SegmentObject = { id, name: `Object ${id}`, colour, visible: true, prompts: new Map() };
  return { objects: [...session.objects, object], selected: id, nextId: id + 1 };
}

export function removeObject(session: Session, id: number): Session {
  const at = session.objects.findIndex((object) => object.id === id);
  const objects = session.objects.filter((object) => object.id !== id);
  const next = session.selected === id ? (objects[at] ?? objects.at(-1))?.id : session.selected;
  return { objects, nextId: session.nextId, ...(next !== undefined && { selected: next }) };
}

export function selectObject(session: Session, id: number): Session {
  return { ...session, selected: id };
}

/** Changes what is not a prompt. */
export function editObject(
  session: Session,
  id: number,
  change: Partial<Pick<SegmentObject, "name" | "colour" | "visible">>,
): Session {
  return {
    ...session,
    objects: session.objects.map((object) => (object.id === id ? { ...object, ...change } : object)),
  };
}

/** A query that asks nothing. */
export function isEmptyQuery({ box, points, maskInput }: Query): boolean {
  return box === undefined && points.length === 0 && maskInput === undefined;
}

/** Whether two queries ask the same, and so have one answer. */
export function isSameQuery(a: Query, b: Query): boolean {
  return (
    a.box?.join() === b.box?.join() &&
    a.points === b.points &&
    a.multimask === b.multimask &&
    a.maskInput === b.maskInput
  );
}

/** Changes the selected object's query on a slice; a query that asks nothing any more is removed. */
export function editQuery(session: Session, slice: number, change: (query: Query) => Query): Session {
  return editPrompt(session, slice, (prompt) => {
    const query = change(prompt?.query ?? EMPTY_QUERY);
    if (isEmptyQuery(query)) return undefined;
    // Another question has other candidates; the choice stays only where there is still one.
    return { query, ...(query.multimask && prompt?.candidate !== undefined && { candidate: prompt.candidate }) }; // prettier-ignore
  });
}

/** Picks a candidate of the selected object on a slice. */
export function pickCandidate(session: Session, slice: number, candidate: number): Session {
  return editPrompt(session, slice, (prompt) => prompt && { ...prompt, candidate });
}

function editPrompt(
  session: Session,
  slice: number,
  change: (prompt: SlicePrompt | undefined) => SlicePrompt | undefined,
): Session {
  return {
    ...session,
    objects: session.objects.map((object) => {
      if (object.id !== session.selected) return object;
      const prompts = new Map(object.prompts);
      const next = change(prompts.get(slice));
      if (next === undefined) prompts.delete(slice);
      else prompts.set(slice, next);
      return { ...object, prompts };
    }),
  };
}

/**
 * Puts a box on a slice: the selected object's first one there, or that of a new object, so that boxes drawn one
 * after the other are objects of their own.
 */
export function placeBox(session: Session, slice: number, box: Box): Session {
  const selected = selectedObject(session);
  const free = selected !== undefined && selected.prompts.get(slice)?.query.box === undefined;
  return editQuery(free ? session : addObject(session), slice, (query) => ({ ...query, box }));
}

/** Puts a point on a slice, for the selected object or a new one. */
export function placePoint(session: Session, slice: number, point: PointPrompt): Session {
  const target = selectedObject(session) === undefined ? addObject(session) : session;
  return editQuery(target, slice, (query) => ({ ...query, points: [...query.points, point] }));
}
