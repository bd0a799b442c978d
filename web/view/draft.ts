import type { Box } from "../../src/predictor/types.js";
import type { Candidate, Predictions } from "../predictions.js";
import { edit, sessionOf, type App } from "../state/app.js";
import { editQuery, isSameQuery, placeBox, selectedObject, type Query } from "../state/session.js";

/** A box that is being drawn, or moved by a corner, with the mask that the model gives for it meanwhile. */
export class Draft {
  private shown: { readonly box: Box; readonly query: Query } | undefined;
  private last: Candidate | undefined;

  constructor(
    private readonly app: App,
    private readonly predictions: Predictions,
    private readonly onChange: () => void,
  ) {}

  get box(): Box | undefined {
    return this.shown?.box;
  }

  /** The mask of the box as it is, or until that is there, as it was a moment ago. */
  get mask(): Candidate | undefined {
    if (this.shown === undefined) return undefined;
    this.last = this.predictions.candidate({ query: this.shown.query }) ?? this.last;
    return this.last;
  }

  /** Shows a box that is not placed yet; undefined ends that. */
  show(box: Box | undefined): void {
    this.take(box, (at) => {
      const next = placeBox(sessionOf(this.app.value), this.app.value.slice, at);
      return selectedObject(next)!.prompts.get(this.app.value.slice)!.query;
    });
  }

  /** Places the box that is shown. */
  place(): void {
    const { shown } = this;
    if (shown) {
      const { slice } = this.app.value;
      const session = placeBox(sessionOf(this.app.value), slice, shown.box);
      // The very query that was asked while drawing: its mask is there already.
      const same = (query: Query) => (isSameQuery(query, shown.query) ? shown.query : query);
      edit(this.app, editQuery(session, slice, same));
    }
    this.show(undefined);
  }

  /** Shows the selected object with another box, and no longer with a mask that was predicted for the one before. */
  reshape(box: Box | undefined): void {
    this.take(box, (to) => ({ ...this.selectedQuery(), box: to, maskInput: undefined }));
  }

  /** Gives the selected object the box that is shown. */
  placeReshaped(): void {
    const { shown } = this;
    if (shown)
      edit(
        this.app,
        editQuery(sessionOf(this.app.value), this.app.value.slice, () => shown.query),
      );
    this.show(undefined);
  }

  private selectedQuery(): Query {
    return selectedObject(sessionOf(this.app.value))!.prompts.get(this.app.value.slice)!.query;
  }

  private take(box: Box | undefined, queryOf: (box: Box) => Query): void {
    this.shown = box && { box, query: queryOf(box) };
    if (box === undefined) this.last = undefined;
    this.predictions.show(this.shown?.query);
    this.onChange();
  }
}
