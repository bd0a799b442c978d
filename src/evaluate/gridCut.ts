/** Steps to the eight neighbours of a pixel; number `7 - n` leads back. */
export const NEIGHBOURS = [
  [-1, -1],
  [0, -1],
  [1, -1],
  [-1, 0],
  [1, 0],
  [-1, 1],
  [0, 1],
  [1, 1],
] as const;

/** What a pixel hangs on: a neighbour, 0 to 7; the root itself; what was cut off; nothing. */
const ROOT = 8;
const ORPHAN = 9;
const FREE = 10;

const SOURCE = 0;
const SINK = 1;
const TREES = [SOURCE, SINK] as const;

/**
 * Minimum cut of an image's pixels, each tied to its eight neighbours and to a source or a sink. A tree grows from
 * either; where they meet, flow is sent until an edge is full, and what is cut off is hung on anew.
 *
 * @see Boykov and Kolmogorov, An experimental comparison of min-cut/max-flow algorithms for energy minimization in vision
 *   (2004)
 */
export class GridCut {
  /** Pixels have a border around them, so that all have eight neighbours. */
  private readonly pitch: number;
  private readonly steps: Int32Array;
  /** Capacity that is left from the source, or, negative, to the sink. */
  private readonly terminal: Float64Array;
  /** Capacity that is left to each neighbour, the eight of a pixel side by side. */
  private readonly capacity: Float64Array;
  private readonly parent: Uint8Array;
  private readonly tree: Uint8Array;
  /** Steps to the root, as known at some time. */
  private readonly distance: Int32Array;
  private readonly known: Int32Array;
  /** A ring of the pixels at which a tree may grow; none is in it twice. */
  private readonly active: Int32Array;
  private readonly isActive: Uint8Array;
  private head = 0;
  private tail = 0;
  private readonly orphans: number[] = [];
  private time = 0;

  constructor(
    private readonly width: number,
    private readonly height: number,
  ) {
    this.pitch = width + 2;
    this.steps = Int32Array.from(NEIGHBOURS, ([x, y]) => y * this.pitch + x);
    const count = this.pitch * (height + 2);
    this.terminal = new Float64Array(count);
    this.capacity = new Float64Array(8 * count);
    this.parent = new Uint8Array(count).fill(FREE);
    this.tree = new Uint8Array(count);
    this.distance = new Int32Array(count);
    this.known = new Int32Array(count);
    this.active = new Int32Array(count + 1);
    this.isActive = new Uint8Array(count);
  }

  /** Ties a pixel to the source and to the sink, each by 0 or more. */
  tie(x: number, y: number, source: number, sink: number): void {
    this.terminal[this.at(x, y)] += source - sink;
  }

  /** Ties a pixel and the neighbour of this number, which must be there, to each other. */
  link(x: number, y: number, neighbour: number, capacity: number): void {
    const i = this.at(x, y);
    this.capacity[8 * i + neighbour] += capacity;
    this.capacity[8 * (i + this.steps[neighbour]) + 7 - neighbour] += capacity;
  }

  /** Cuts, once. @returns 1 for pixels at the source's side, row by row. */
  cut(): Uint8Array {
    for (let i = 0; i < this.terminal.length; i++) {
      if (this.terminal[i] === 0) continue;
      this.tree[i] = this.terminal[i] > 0 ? SOURCE : SINK;
      this.hang(i, ROOT, 1, 0);
      this.activate(i);
    }
    for (let meeting = this.grow(); meeting !== undefined; meeting = this.grow()) {
      this.push(...meeting);
      this.time++;
      for (let i = this.orphans.pop(); i !== undefined; i = this.orphans.pop()) this.adopt(i);
    }
    return Uint8Array.from({ length: this.width * this.height }, (_, n) => {
      const i = this.at(n % this.width, Math.floor(n / this.width));
      return this.parent[i] !== FREE && this.tree[i] === SOURCE ? 1 : 0;
    });
  }

  private at(x: number, y: number): number {
    return (y + 1) * this.pitch + x + 1;
  }

  private activate(i: number): void {
    if (this.isActive[i]) return;
    this.isActive[i] = 1;
    this.active[this.tail] = i;
    this.tail = (this.tail + 1) % this.active.length;
  }

  private hang(i: number, parent: number, distance: number, known: number): void {
    this.parent[i] = parent;
    this.distance[i] = distance;
    this.known[i] = known;
  }

  /** What is left from a pixel to a neighbour above it, where flow is counted as it runs in the tree. */
  private upwards(tree: number, i: number, n: number): number {
    return this.capacity[tree === SINK ? 8 * i + n : 8 * (i + this.steps[n]) + 7 - n];
  }

  /** Lets the trees grow until they meet. @returns the edge between: from a pixel of the source, to which neighbour. */
  private grow(): [from: number, neighbour: number] | undefined {
    for (; this.head !== this.tail; this.head = (this.head + 1) % this.active.length) {
      const i = this.active[this.head];
      const tree = this.tree[i];
      for (let n = 0; n < 8 && this.parent[i] !== FREE; n++) {
        if (this.upwards(1 - tree, i, n) === 0) continue;
        const j = i + this.steps[n];
        const isFree = this.parent[j] === FREE;
        if (!isFree && this.tree[j] !== tree) return tree === SOURCE ? [i, n] : [j, 7 - n];
        // One that is in the tree already may be nearer to the root this way.
        if (!isFree && (this.distance[j] <= this.distance[i] + 1 || this.known[j] > this.known[i])) continue;
        this.tree[j] = tree;
        this.hang(j, 7 - n, this.distance[i] + 1, this.known[i]);
        if (isFree) this.activate(j);
      }
      this.isActive[i] = 0;
    }
    return undefined;
  }

  /** Sends as much as fits from root to root over an edge; what hung on one that is full is an orphan. */
  private push(from: number, n: number): void {
    const ends = [from, from + this.steps[n]] as const;
    let flow = this.capacity[8 * from + n];
    for (const tree of TREES) {
      let i = ends[tree];
      for (; this.parent[i] !== ROOT; i += this.steps[this.parent[i]])
        flow = Math.min(flow, this.upwards(tree, i, this.parent[i]));
      flow = Math.min(flow, Math.abs(this.terminal[i]));
    }
    this.capacity[8 * from + n] -= flow;
    this.capacity[8 * ends[1] + 7 - n] += flow;
    for (const tree of TREES) {
      let i = ends[tree];
      while (this.parent[i] !== ROOT) {
        const up = this.parent[i];
        const j = i + this.steps[up];
        const signed = tree === SINK ? flow : -flow;
        this.capacity[8 * i + up] -= signed;
        this.capacity[8 * j + 7 - up] += signed;
        if (this.upwards(tree, i, up) === 0) this.cutOff(i);
        i = j;
      }
      this.terminal[i] += tree === SINK ? flow : -flow;
      if (this.terminal[i] === 0) this.cutOff(i);
    }
  }

  private cutOff(i: number): void {
    this.parent[i] = ORPHAN;
    this.orphans.push(i);
  }

  /** Hangs an orphan on the neighbour of its tree that is nearest to the root; where there is none it is free. */
  private adopt(i: number): void {
    const tree = this.tree[i];
    let [parent, least] = [FREE, Infinity];
    for (let n = 0; n < 8; n++) {
      const j = i + this.steps[n];
      if (this.parent[j] === FREE || this.tree[j] !== tree || this.upwards(tree, i, n) === 0) continue;
      const distance = this.distanceToRoot(j);
      if (distance < least) [parent, least] = [n, distance];
    }
    if (parent !== FREE) return this.hang(i, parent, least + 1, this.time);
    for (let n = 0; n < 8; n++) {
      const j = i + this.steps[n];
      if (this.parent[j] === FREE || this.tree[j] !== tree) continue;
      if (this.upwards(tree, i, n) > 0) this.activate(j);
      if (this.parent[j] === 7 - n) this.cutOff(j);
    }
    this.hang(i, FREE, 0, 0);
  }

  /** Infinity for what hangs on an orphan. What is found out is noted along the way. */
  private distanceToRoot(start: number): number {
    let [distance, i] = [0, start];
    for (; this.known[i] !== this.time; distance++) {
      const up = this.parent[i];
      if (up === ORPHAN) return Infinity;
      if (up === ROOT) {
        [this.known[i], this.distance[i]] = [this.time, 1];
        break;
      }
      i += this.steps[up];
    }
    distance += this.distance[i];
    for (
      let [j, left] = [start, distance];
      this.known[j] !== this.time;
      j += this.steps[this.parent[j]], left--
    )
      [this.known[j], this.distance[j]] = [this.time, left];
    return distance;
  }
}
