import { make } from "../dom.js";
import type { LayerInfo } from "../workers/inside.js";

/** A layer in the tree; `name` is what its path adds to its parent's. */
interface Node {
  readonly layer: LayerInfo;
  readonly name: string;
  readonly level: number;
  readonly parent: Node | undefined;
  readonly children: Node[];
}

/** Shown open at first. */
const OPEN = ["", "image_encoder"];

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** The layers of a model as a tree: arrow keys go and open, Enter or a click chooses. */
export class LayerTree {
  private nodes: readonly Node[] = [];
  private readonly open = new Set<string>(OPEN);
  private chosen: string | undefined;
  /** The row that the keyboard is at. */
  private active = "";

  constructor(
    private readonly root: HTMLElement,
    private readonly onChoose: (layer: LayerInfo) => void,
  ) {
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("click", ({ target }) => {
      const path = (target as HTMLElement).closest<HTMLElement>("[data-path]")?.dataset["path"];
      const node = this.nodes.find(({ layer }) => layer.path === path);
      if (node !== undefined) this.take(node);
    });
  }

  show(layers: readonly LayerInfo[]): void {
    const byPath = new Map<string, Node>();
    for (const layer of layers) {
      const parent = parentOf(layer.path, byPath);
      const above = parent === undefined || parent.layer.path === "" ? "" : `${parent.layer.path}.`;
      const name = layer.path.slice(above.length) || "model";
      const node: Node = { layer, name, parent, level: (parent?.level ?? 0) + 1, children: [] };
      parent?.children.push(node);
      byPath.set(layer.path, node);
    }
    this.nodes = [...byPath.values()];
    if (!byPath.has(this.active)) this.active = layers[0]?.path ?? "";
    this.choose(undefined);
  }

  /** Marks the layer that is shown. */
  choose(path: string | undefined): void {
    this.chosen = path;
    this.draw();
  }

  private get visible(): Node[] {
    const isShown = ({ parent }: Node): boolean =>
      parent === undefined || (this.open.has(parent.layer.path) && isShown(parent));
    return this.nodes.filter(isShown);
  }

  private draw(): void {
    const hadFocus = this.root.contains(document.activeElement);
    this.root.replaceChildren(...this.visible.map((node) => this.row(node)));
    if (hadFocus) this.root.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  private row({ layer: { path, shape, parameters }, name, level, children }: Node): HTMLElement {
    const row = make(
      "div",
      {
        role: "treeitem",
        "data-path": path,
        title: path,
        "aria-level": level,
        "aria-selected": String(path === this.chosen),
        ...(children.length > 0 && { "aria-expanded": String(this.open.has(path)) }),
        tabindex: path === this.active ? 0 : -1,
      },
      make("span", { class: "name" }, name),
      make("span", { class: "quiet" }, shape?.join("×") ?? ""),
      make("span", { class: "quiet" }, parameters > 0 ? compact.format(parameters) : ""),
    );
    row.style.setProperty("--level", String(level - 1));
    return row;
  }

  /** What has a picture is chosen; what has parts is opened, and closed when it is taken once more. */
  private take(node: Node): void {
    const { layer, children } = node;
    const again = this.chosen === layer.path || layer.shape === undefined;
    this.active = layer.path;
    if (children.length > 0) this.setOpen(node, !(again && this.open.has(layer.path)));
    this.draw();
    if (layer.shape !== undefined && this.chosen !== layer.path) this.onChoose(layer);
  }

  private setOpen({ layer }: Node, open: boolean): void {
    if (open) this.open.add(layer.path);
    else this.open.delete(layer.path);
  }

  private key(event: KeyboardEvent): void {
    const rows = this.visible;
    const at = rows.findIndex(({ layer }) => layer.path === this.active);
    const node = rows.at(Math.max(at, 0));
    if (node === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const isOpen = this.open.has(node.layer.path) && node.children.length > 0;
    const goTo = (next: Node | undefined) => {
      this.active = (next ?? node).layer.path;
      this.draw();
    };
    if (event.key === "ArrowDown") goTo(rows[at + 1]);
    else if (event.key === "ArrowUp") goTo(rows[Math.max(at - 1, 0)]);
    else if (event.key === "Home") goTo(rows[0]);
    else if (event.key === "End") goTo(rows.at(-1));
    else if (event.key === "ArrowRight" && isOpen) goTo(node.children[0]);
    else if (event.key === "ArrowLeft" && !isOpen) goTo(node.parent);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      this.setOpen(node, !isOpen && node.children.length > 0);
      this.draw();
    } else if (event.key === "Enter" || event.key === " ") this.take(node);
    else return;
    event.preventDefault();
  }
}

/** The layer with the longest path above this one; a list's elements are their owner's, as `blocks.3`. */
function parentOf(path: string, byPath: ReadonlyMap<string, Node>): Node | undefined {
  if (path === "") return undefined;
  for (let end = path.lastIndexOf("."); end > 0; end = path.lastIndexOf(".", end - 1)) {
    const found = byPath.get(path.slice(0, end));
    if (found !== undefined) return found;
  }
  return byPath.get("");
}
