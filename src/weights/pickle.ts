import type { PickleBytes } from "./pickleBytes.js";

/*
 * Reads the data of a pickle and runs nothing of it. Classes and functions that it names are looked up in a list;
 * for any other, and for whatever the pickle makes with it, an `Unknown` stands in. What comes out is plain data,
 * tuples, dictionaries, unknowns and what the list's entries build. A value may hold itself: nothing here or in the
 * entries walks values to any depth.
 *
 * The opcodes are those that `torch.save` writes with protocols 2 to 5.
 *
 * @see CPython, Lib/pickletools.py, for the opcodes
 */

/** A Python tuple; lists are plain arrays. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** A dictionary, ordered or not. */
export type Dictionary = Map<unknown, unknown>;

/** Stands for a class or function that is not on the list, and for what the pickle makes with it. */
export class Unknown {
  /** @param name `module.name` of the class or function. */
  constructor(readonly name: string) {}
}

export interface Allowed {
  /**
   * By `module.name`: what calling it with these arguments gives. Throws a CheckpointError for wrong arguments; an
   * argument may be an `Unknown`.
   */
  readonly callables: ReadonlyMap<string, (args: readonly unknown[]) => unknown>;
  /** What an object that is stored outside of the pickle is, from its identifier. Throws likewise. */
  persistent(id: unknown): unknown;
}

/** A class or function of the list, by its name. */
export class Global {
  constructor(readonly name: string) {}
}

const MARK = Symbol("mark");
/** ViT-H with its optimizer's state takes 71,000. It bounds time and memory: each makes one value at most. */
const MAX_OPCODES = 150_000;

/**
 * Reads one pickle; `input` stands behind it afterwards.
 *
 * @throws CheckpointError for an unknown opcode or a damaged pickle.
 */
export function readPickle(input: PickleBytes, allowed: Allowed): unknown {
  return new Unpickler(input, allowed).run();
}

class Unpickler {
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    readonly input: PickleBytes,
    private readonly allowed: Allowed,
  ) {}

  run(): unknown {
    for (let count = 0; count < MAX_OPCODES; count++) {
      const opcode = this.input.uint(1);
      if (opcode === STOP) return this.pop();
      const handler = HANDLERS[String.fromCharCode(opcode)];
      if (handler === undefined)
        throw this.input.damaged(`opcode 0x${opcode.toString(16)} is none that torch.save writes`);
      handler(this);
    }
    throw this.input.damaged(`it has more than ${MAX_OPCODES} opcodes`);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0) throw this.input.damaged("the stack is empty");
    const value = this.stack.pop();
    if (value === MARK) throw this.input.damaged("a mark instead of a value");
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
    if (mark < 0) throw this.input.damaged("no mark on the stack");
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
    if (!this.memo.has(index)) throw this.input.damaged(`value ${index} is used but was not stored`);
    this.push(this.memo.get(index));
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string")
      throw this.input.damaged("a class or function whose name is no string");
    const full = `${module}.${name}`;
    this.push(this.allowed.callables.has(full) ? new Global(full) : new Unknown(full));
  }

  /** A function called with arguments, or an object of a class made with them. */
  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (callable instanceof Unknown) return this.push(callable);
    if (!(callable instanceof Global) || !(args instanceof Tuple))
      throw this.input.damaged("a call of something that is no function");
    this.push(this.allowed.callables.get(callable.name)?.(args.items));
  }

  /** The state of an object: attributes such as `_metadata` of a dictionary, which say nothing of the tensors. */
  build(): void {
    this.pop();
    const target = this.top();
    if (!(target instanceof Map) && !(target instanceof Unknown))
      throw this.input.damaged("a state for something that is no dictionary");
  }

  persistent(): void {
    this.push(this.allowed.persistent(this.pop()));
  }

  setItems(items: readonly unknown[]): void {
    const target = this.top();
    if (target instanceof Unknown) return;
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw this.input.damaged("items for something that is no dictionary, or a key without a value");
    for (let n = 0; n < items.length; n += 2) target.set(items[n], items[n + 1]);
  }

  append(items: readonly unknown[]): void {
    const target = this.top();
    if (target instanceof Unknown) return;
    if (!Array.isArray(target)) throw this.input.damaged("items for something that is no list");
    for (const item of items) target.push(item);
  }
}

const STOP = 0x2e; // "."

/** By opcode. */
const HANDLERS: Readonly<Record<string, ((u: Unpickler) => void) | undefined>> = {
  "\x80": (u) => void u.input.uint(1), // PROTO
  "\x95": (u) => void u.input.uint(8), // FRAME
  "(": (u) => u.mark(), // MARK
  "0": (u) => void u.pop(), // POP
  "1": (u) => void u.popToMark(), // POP_MARK
  "2": (u) => u.push(u.top()), // DUP
  N: (u) => u.push(null), // NONE
  "\x88": (u) => u.push(true), // NEWTRUE
  "\x89": (u) => u.push(false), // NEWFALSE
  K: (u) => u.push(u.input.uint(1)), // BININT1
  M: (u) => u.push(u.input.uint(2)), // BININT2
  J: (u) => u.push(u.input.int32()), // BININT
  "\x8a": (u) => u.push(u.input.long(u.input.uint(1))), // LONG1
  G: (u) => u.push(u.input.float64()), // BINFLOAT
  X: (u) => u.push(u.input.text(u.input.uint(4))), // BINUNICODE
  "\x8c": (u) => u.push(u.input.text(u.input.uint(1))), // SHORT_BINUNICODE
  "\x8d": (u) => u.push(u.input.text(u.input.uint(8))), // BINUNICODE8
  C: (u) => u.push(u.input.take(u.input.uint(1))), // SHORT_BINBYTES
  B: (u) => u.push(u.input.take(u.input.uint(4))), // BINBYTES
  "\x8e": (u) => u.push(u.input.take(u.input.uint(8))), // BINBYTES8
  "\x96": (u) => u.push(u.input.take(u.input.uint(8))), // BYTEARRAY8
  ")": (u) => u.push(new Tuple([])), // EMPTY_TUPLE
  t: (u) => u.push(new Tuple(u.popToMark())), // TUPLE
  "\x85": (u) => u.push(new Tuple([u.pop()])), // TUPLE1
  "\x86": (u) => {
    // TUPLE2
    const [b, a] = [u.pop(), u.pop()];
    u.push(new Tuple([a, b]));
  },
  "\x87": (u) => {
    // TUPLE3
    const [c, b, a] = [u.pop(), u.pop(), u.pop()];
    u.push(new Tuple([a, b, c]));
  },
  "]": (u) => u.push([]), // EMPTY_LIST
  "}": (u) => u.push(new Map()), // EMPTY_DICT
  a: (u) => u.append([u.pop()]), // APPEND
  e: (u) => u.append(u.popToMark()), // APPENDS
  "\x8f": (u) => u.push([]), // EMPTY_SET
  "\x90": (u) => u.append(u.popToMark()), // ADDITEMS
  "\x91": (u) => u.push(u.popToMark()), // FROZENSET
  s: (u) => {
    // SETITEM
    const [value, key] = [u.pop(), u.pop()];
    u.setItems([key, value]);
  },
  u: (u) => u.setItems(u.popToMark()), // SETITEMS
  q: (u) => u.put(u.input.uint(1)), // BINPUT
  r: (u) => u.put(u.input.uint(4)), // LONG_BINPUT
  "\x94": (u) => u.memoize(), // MEMOIZE
  h: (u) => u.get(u.input.uint(1)), // BINGET
  j: (u) => u.get(u.input.uint(4)), // LONG_BINGET
  c: (u) => u.global(u.input.line(), u.input.line()), // GLOBAL
  "\x93": (u) => {
    // STACK_GLOBAL
    const [name, module] = [u.pop(), u.pop()];
    u.global(module, name);
  },
  R: (u) => u.reduce(), // REDUCE
  "\x81": (u) => u.reduce(), // NEWOBJ
  "\x92": (u) => {
    // NEWOBJ_EX: the last of the three holds arguments by name
    u.pop();
    u.reduce();
  },
  b: (u) => u.build(), // BUILD
  Q: (u) => u.persistent(), // BINPERSID
};
