import { CheckpointError } from "./checkpoint.js";

/**
 * Reads the data of a pickle and runs nothing. Classes and functions that it names are looked up in a list; any
 * other is refused by its name. What comes out is plain data, tuples, dictionaries and what the list's entries
 * build.
 *
 * @see CPython, Lib/pickletools.py, for the opcodes
 */

/** A Python tuple; lists are plain arrays. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** A dictionary, ordered or not. */
export type Dictionary = Map<unknown, unknown>;

export interface Allowed {
  /** By `module.name`: what calling it with these arguments gives. */
  readonly callables: ReadonlyMap<string, (args: readonly unknown[]) => unknown>;
  /** What an object that is stored outside of the pickle is, from its identifier. */
  persistent(id: unknown): unknown;
}

/** A class or function of the list, by its name. */
export class Global {
  constructor(readonly name: string) {}
}

const MARK = Symbol("mark");
/** Far above what a state dict has; a bound for a hostile file. */
const MAX_STACK = 10_000_000;

/** @throws CheckpointError for a forbidden name, an unknown opcode, or a damaged pickle. */
export function readPickle(bytes: Uint8Array, source: string, allowed: Allowed): unknown {
  return new Unpickler(bytes, source, allowed).run();
}

class Unpickler {
  private at = 0;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly source: string,
    private readonly allowed: Allowed,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): unknown {
    for (;;) {
      const start = this.at;
      const opcode = String.fromCharCode(this.uint(1));
      if (opcode === ".") return this.pop();
      const handler = HANDLERS[opcode];
      if (handler === undefined)
        throw this.damaged(
          `opcode 0x${opcode.charCodeAt(0).toString(16)} at byte ${start} is not of a state dict`,
        );
      handler(this);
      if (this.stack.length > MAX_STACK) throw this.damaged("its stack grows without end");
    }
  }

  damaged(message: string): CheckpointError {
    return new CheckpointError(`${this.source}: its pickle is damaged: ${message}`);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0) throw this.damaged(`nothing on the stack at byte ${this.at}`);
    const value = this.stack.pop();
    if (value === MARK) throw this.damaged(`a mark instead of a value at byte ${this.at}`);
    return value;
  }

  top(): unknown {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.stack.push(MARK);
  }

  popToMark(): unknown[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.damaged(`no mark on the stack at byte ${this.at}`);
    const items = this.stack.splice(mark);
    items.shift();
    return items;
  }

  put(index: number): void {
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  get(index: number): void {
    if (!this.memo.has(index)) throw this.damaged(`value ${index} is used before it is stored`);
    this.push(this.memo.get(index));
  }

  /** Unsigned little-endian number of 1, 2, 4 or 8 bytes. */
  uint(size: 1 | 2 | 4 | 8): number {
    const from = this.advance(size);
    switch (size) {
      case 1:
        return this.view.getUint8(from);
      case 2:
        return this.view.getUint16(from, true);
      case 4:
        return this.view.getUint32(from, true);
      case 8:
        return Number(this.view.getBigUint64(from, true));
    }
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  take(length: number): Uint8Array {
    const from = this.advance(length);
    return this.bytes.subarray(from, from + length);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.damaged(`a name at byte ${this.at} does not end`);
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  /** Little-endian two's complement of any length. */
  long(length: number): number | bigint {
    const bytes = this.take(length);
    let value = 0n;
    for (let n = length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n]);
    if (length > 0 && bytes[length - 1] >= 0x80) value -= 1n << BigInt(8 * length);
    const plain = Number(value);
    return Number.isSafeInteger(plain) ? plain : value;
  }

  global(module: string, name: string): void {
    const full = `${module}.${name}`;
    if (!this.allowed.callables.has(full))
      throw new CheckpointError(
        `${this.source}: its pickle asks for ${full}, which is not needed for a state dict and is refused; ` +
          `nothing was run. Load it in Python if you trust it, and save the plain state dict with torch.save`,
      );
    this.push(new Global(full));
  }

  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!(callable instanceof Global) || !(args instanceof Tuple))
      throw this.damaged(`a call of something that is no function at byte ${this.at}`);
    this.push(this.allowed.callables.get(callable.name)?.(args.items));
  }

  persistent(): void {
    this.push(this.allowed.persistent(this.pop()));
  }

  setItems(items: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw this.damaged(`items for something that is no dictionary at byte ${this.at}`);
    for (let n = 0; n < items.length; n += 2) target.set(items[n], items[n + 1]);
  }

  append(items: readonly unknown[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw this.damaged(`items for something that is no list at byte ${this.at}`);
    for (const item of items) target.push(item);
  }

  private advance(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from)
      throw this.damaged(`it ends at byte ${this.bytes.length}, in a value`);
    this.at += length;
    return from;
  }
}

const HANDLERS: Readonly<Record<string, ((u: Unpickler) => void) | undefined>> = {
  "\x80": (u) => void u.uint(1), // PROTO
  "\x95": (u) => void u.uint(8), // FRAME
  "(": (u) => u.mark(),
  "0": (u) => void u.pop(),
  "1": (u) => void u.popToMark(),
  "2": (u) => u.push(u.top()),
  N: (u) => u.push(null),
  "\x88": (u) => u.push(true),
  "\x89": (u) => u.push(false),
  K: (u) => u.push(u.uint(1)),
  M: (u) => u.push(u.uint(2)),
  J: (u) => u.push(u.int32()),
  "\x8a": (u) => u.push(u.long(u.uint(1))), // LONG1
  G: (u) => u.push(u.float64()),
  X: (u) => u.push(u.text(u.uint(4))),
  "\x8c": (u) => u.push(u.text(u.uint(1))), // SHORT_BINUNICODE
  "\x8d": (u) => u.push(u.text(u.uint(8))), // BINUNICODE8
  C: (u) => u.push(u.take(u.uint(1))), // SHORT_BINBYTES
  B: (u) => u.push(u.take(u.uint(4))), // BINBYTES
  ")": (u) => u.push(new Tuple([])),
  t: (u) => u.push(new Tuple(u.popToMark())),
  "\x85": (u) => u.push(new Tuple([u.pop()])),
  "\x86": (u) => {
    const [b, a] = [u.pop(), u.pop()];
    u.push(new Tuple([a, b]));
  },
  "\x87": (u) => {
    const [c, b, a] = [u.pop(), u.pop(), u.pop()];
    u.push(new Tuple([a, b, c]));
  },
  "]": (u) => u.push([]),
  "}": (u) => u.push(new Map()),
  a: (u) => u.append([u.pop()]),
  e: (u) => u.append(u.popToMark()),
  s: (u) => {
    const [value, key] = [u.pop(), u.pop()];
    u.setItems([key, value]);
  },
  u: (u) => u.setItems(u.popToMark()),
  q: (u) => u.put(u.uint(1)),
  r: (u) => u.put(u.uint(4)),
  "\x94": (u) => u.memoize(), // MEMOIZE
  h: (u) => u.get(u.uint(1)),
  j: (u) => u.get(u.uint(4)),
  c: (u) => u.global(u.line(), u.line()),
  "\x93": (u) => {
    const [name, module] = [u.pop(), u.pop()]; // STACK_GLOBAL
    u.global(String(module), String(name));
  },
  R: (u) => u.reduce(),
  // A state for an object that was built: attributes such as `_metadata`, which say nothing of the tensors.
  b: (u) => void u.pop(),
  Q: (u) => u.persistent(),
};
