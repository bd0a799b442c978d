import { byId, icon, make } from "../dom.js";
import { adjust, edit, sessionOf, type App } from "../state/app.js";
import { addObject, editObject, removeObject, selectObject, type SegmentObject } from "../state/session.js";
import { COLOUR_COUNT, colourOf, css } from "../view/palette.js";

/** The list of objects: select, name, colour, hide, delete. */
export function objectsPanel(app: App): void {
  const list = byId("objects");
  byId("add-object").addEventListener("click", () => edit(app, addObject(sessionOf(app.value))));
  let shown: readonly SegmentObject[] | undefined;
  let selectedBefore: number | undefined;
  app.subscribe((state) => {
    const { objects, selected } = sessionOf(state);
    if (objects === shown && selected === selectedBefore) return;
    // A list of the same objects keeps its elements, so that typing a name or tabbing along goes on.
    const same = shown?.map(({ id }) => id).join() === objects.map(({ id }) => id).join();
    [shown, selectedBefore] = [objects, selected];
    if (!same) list.replaceChildren(...objects.map((object) => row(app, object)));
    for (const [index, object] of objects.entries())
      updateRow(list.children[index] as HTMLElement, object, object.id === selected);
    byId("objects-hint").hidden = objects.length > 0;
  });
}

function row(app: App, { id }: SegmentObject): HTMLElement {
  const change = (what: Parameters<typeof editObject>[2]) => edit(app, editObject(sessionOf(app.value), id, what)); // prettier-ignore
  const current = () => sessionOf(app.value).objects.find((object) => object.id === id);
  const select = () => {
    if (sessionOf(app.value).selected !== id) adjust(app, selectObject(sessionOf(app.value), id));
  };
  return make(
    "li",
    { onclick: select, onfocusin: select },
    make("button", {
      class: "square",
      title: "Another colour",
      onclick: () => change({ colour: ((current()?.colour ?? 0) + 1) % COLOUR_COUNT }),
    }),
    // Its name comes with updateRow.
    make("span", {
      class: "name",
      onchange: (event) => change({ name: (event.target as HTMLInputElement).value }),
    }),
    make("button", { class: "square", onclick: () => change({ visible: current()?.visible !== true }) }),
    make(
      "button",
      {
        class: "square",
        title: "Delete",
        onclick: (event) => {
          event.stopPropagation();
          edit(app, removeObject(sessionOf(app.value), id));
        },
      },
      icon("delete"),
    ),
  );
}

function updateRow(element: HTMLElement, { name, colour, visible }: SegmentObject, selected: boolean): void {
  const [swatch, place, show, remove] = element.children as unknown as HTMLElement[];
  element.classList.toggle("selected", selected);
  element.classList.toggle("veiled", !visible);
  updateName(place, name, selected);
  swatch.setAttribute("aria-label", `Colour of ${name}: change it`);
  swatch.replaceChildren(disc(css(colourOf(colour))));
  show.replaceChildren(icon(visible ? "shown" : "hidden"));
  show.title = visible ? "Hide" : "Show";
  show.setAttribute("aria-label", `${show.title} ${name}`);
  remove.setAttribute("aria-label", `Delete ${name}`);
}

/**
 * The name of the selected object is a field, the others' are buttons: each time a field appears or changes, the
 * browser's form filling looks at all fields of the page, which takes the longer the more there are.
 */
function updateName(place: HTMLElement, name: string, selected: boolean): void {
  const before = place.firstElementChild;
  if (before?.matches(selected ? "input" : "button") !== true) {
    const focused = before !== null && document.activeElement === before;
    place.replaceChildren(selected ? make("input", { type: "text", maxlength: 80 }) : make("button"));
    if (focused) (place.firstElementChild as HTMLElement).focus();
  }
  const shown = place.firstElementChild as HTMLElement;
  shown.setAttribute("aria-label", selected ? `Name of ${name}, selected` : `Select ${name}`);
  if (!(shown instanceof HTMLInputElement)) shown.textContent = name;
  else if (shown !== before || document.activeElement !== shown) shown.value = name;
}

function disc(fill: string): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const circle = document.createElementNS(space, "circle");
  for (const [name, value] of [["width", "18"], ["height", "18"], ["aria-hidden", "true"]]) picture.setAttribute(name, value); // prettier-ignore
  for (const [name, value] of [["cx", "9"], ["cy", "9"], ["r", "8"], ["fill", fill], ["stroke", "rgb(0 0 0 / .5)"]]) circle.setAttribute(name, value); // prettier-ignore
  picture.append(circle);
  return picture;
}
