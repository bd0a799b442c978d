import { make } from "../dom.js";
import type { App } from "../state/app.js";
import type { Attention } from "../workers/inside.js";
import { headMaps, type HeadMap } from "./pictures.js";

const percent = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });

/** Where each head of a block attends: a small map each, one of them laid over the image. */
export class Heads {
  readonly element: HTMLElement;
  private readonly pick: HTMLButtonElement;
  private readonly hint = make("p", { class: "quiet" });
  private readonly list = make("div", { class: "heads", role: "radiogroup", "aria-label": "Heads" });
  private readonly lay = make("input", { type: "checkbox", checked: true }) as HTMLInputElement;
  private readonly opacity = make("input", {
    ...{ type: "range", min: 0.1, max: 1, step: 0.05, value: 0.7 },
  }) as HTMLInputElement;
  private readonly laying: HTMLElement;
  private attention: Attention | undefined;
  private maps: readonly HeadMap[] = [];
  private head = 0;

  /** @param onPick told when a place is to be picked, or no longer. */
  constructor(
    private readonly app: App,
    onPick: () => void,
  ) {
    this.pick = make("button", { onclick: onPick, "aria-pressed": "false" }, "Pick a place") as HTMLButtonElement; // prettier-ignore
    for (const input of [this.lay, this.opacity]) input.addEventListener("input", () => this.layOver());
    this.laying = make(
      "div",
      { class: "laying", hidden: true },
      make("label", { class: "switch" }, this.lay, " Lay it over the image"),
      make("label", { class: "field" }, "Opacity", this.opacity),
    );
    const title = make("div", { class: "title" }, make("h3", {}, "Where a place looks"), this.pick);
    this.element = make("section", { hidden: true }, title, this.hint, this.list, this.laying);
    app.subscribe(({ tool, look }) => {
      this.pick.setAttribute("aria-pressed", String(tool === "look"));
      this.hint.textContent = hintOf(tool === "look", look?.at !== undefined);
    });
  }

  /** @param count of heads; undefined for a layer that has none to show. */
  begin(count: number | undefined): void {
    this.element.hidden = count === undefined;
    this.laying.hidden = true;
    this.attention = undefined;
    this.maps = [];
    this.list.replaceChildren();
    if (this.head >= (count ?? 0)) this.head = 0;
  }

  show(attention: Attention): void {
    const isFirst = this.attention === undefined;
    this.attention = attention;
    this.maps = headMaps(attention);
    if (isFirst) this.list.replaceChildren(...this.maps.map((_, head) => this.choice(head)));
    for (const [head, label] of [...this.list.children].entries()) this.fill(label, this.maps[head]);
    this.laying.hidden = false;
    this.layOver();
  }

  private choice(head: number): HTMLElement {
    const choose = () => {
      this.head = head;
      this.lay.checked = true;
      this.layOver();
    };
    const radio = make("input", {
      type: "radio",
      name: "head",
      onchange: choose,
      checked: head === this.head,
    });
    return make("label", {}, radio, make("canvas"), make("span", {}, `Head ${head}`), make("small"));
  }

  private fill(label: Element, { picture, most }: HeadMap): void {
    const canvas = label.querySelector("canvas");
    const small = label.querySelector("small");
    if (canvas === null || small === null || this.attention === undefined) return;
    const { cover, cell } = this.attention;
    Object.assign(canvas, { width: Math.ceil(cover.width), height: Math.ceil(cover.height) });
    const context = canvas.getContext("2d");
    context?.drawImage(picture, 0, 0);
    // The place itself, whatever it is worth.
    if (context) context.fillStyle = "rgb(0 140 255)";
    context?.fillRect(cell.column, cell.row, 1, 1);
    small.textContent = `to ${percent.format(most)}`;
  }

  private layOver(): void {
    const { look } = this.app.value;
    const map = this.maps.at(this.head);
    if (look === undefined || map === undefined || this.attention === undefined) return;
    const { step, region, at } = look;
    const { cover } = this.attention;
    const heat = { picture: map.picture, cover, region, opacity: this.opacity.valueAsNumber };
    this.app.update({ look: { step, region, ...(at && { at }), ...(this.lay.checked && { heat }) } });
  }
}

function hintOf(isPicking: boolean, hasPlace: boolean): string {
  if (isPicking) return "Click on the image, or move the place with the arrow keys; Escape ends it.";
  if (hasPlace)
    return "The blue cell is the place. Each map by the roots of its shares; below it the largest share.";
  return "Each head of this block attends to the whole image. Pick the place that looks.";
}
