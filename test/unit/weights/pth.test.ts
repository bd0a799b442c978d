import { unzipSync, zipSync, type ZipOptions, type Zippable } from "fflate";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { bytesSource, type ByteSource } from "../../../src/weights/byteSource.js";
import type { Checkpoint } from "../../../src/weights/checkpoint.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { openCheckpoint } from "../../../src/weights/open.js";
import { readPth } from "../../../src/weights/pth.js";
import {
  archiveOf,
  EXPECTED,
  fixture,
  FIXTURES,
  latin1,
  legacyPth,
  membersOf,
  pth,
  py,
  pyTensor,
  type TensorParts,
} from "./pthFile.js";
import { rejection } from "./safetensorsFile.js";

const SIX_FLOATS = new Uint8Array(24).map((_, n) => n);
const HEX = "000102030405060708090a0b0c0d0e0f1011121314151617";

/** What a file that was put together by hand is refused with. */
function refusal(file: Uint8Array): string {
  return rejection(() => readPth(bytesSource(file, "x.pth")));
}

function refusalOfPickle(pickle: string): string {
  return refusal(pth(pickle, { 0: SIX_FLOATS }));
}

const tensorFile = (parts: TensorParts = {}, storage = SIX_FLOATS) =>
  pth(py.dict([py.str("a"), pyTensor(parts)]), { 0: storage });

function hexOf(file: Uint8Array, name = "a"): string {
  return Buffer.from(readPth(bytesSource(file)).readBytes(name)).toString("hex");
}

/** Every tensor of a checkpoint, which is closed. */
function contents(checkpoint: Checkpoint) {
  const found = [...checkpoint.tensors].map(([name, { dtype, shape }]) => {
    const hex = Buffer.from(checkpoint.readBytes(name)).toString("hex");
    return [name, { dtype, shape, hex }] as const;
  });
  checkpoint.close();
  return Object.fromEntries(found);
}

describe("files of torch.save", () => {
  it.each(Object.keys(EXPECTED))("hold what PyTorch finds in them: %s", (name) => {
    expect(contents(openCheckpointFile(`${FIXTURES}${name}.pth`))).toEqual(EXPECTED[name]);
    expect(contents(openCheckpoint(bytesSource(fixture(name))))).toEqual(EXPECTED[name]);
  });

  it("keep their order of names", () => {
    const names = [...readPth(bytesSource(fixture("plain"))).tensors.keys()];
    expect(names).toEqual(Object.keys(EXPECTED["plain"]));
  });

  it.each([
    ["os_system", "holds no state dict"],
    ["legacy_os_system", "holds no state dict"],
    ["whole_model", '"torch.nn.modules.linear.Linear"'],
    ["complex", '"torch.ComplexFloatStorage"'],
    ["quantised", '"torch._utils._rebuild_qtensor"'],
    ["float8", '"torch._utils._rebuild_tensor_v3"'],
    ["negated", "resolve_neg()"],
    ["bare_tensor", "holds no state dict"],
    ["no_tensors", 'got a dictionary of "optimizer", "epoch"'],
    ["torchscript", "torch.jit.load(path).state_dict()"],
    ["legacy_complex", "of a type that cannot be read"],
    ["pickle", "is a pickle that torch.save did not write"],
  ])("are refused where they hold more than tensors and plain values: %s", (name, expected) => {
    const message = rejection(() => openCheckpoint(bytesSource(fixture(name), "x.pth")));
    expect(message).toMatch(/^x\.pth: /);
    expect(message).toContain(expected);
  });
});

describe("files with more than tensors beside the weights", () => {
  it.each(["other_classes", "other_classes_protocol4", "legacy_other_classes"])(
    "are read, and nothing in them is run: %s",
    (name) => {
      const { skipped } = readPth(bytesSource(fixture(name)));
      expect(skipped).toEqual([
        "args (argparse.Namespace)",
        "best_dice (numpy._core.multiarray.scalar)",
        "losses (numpy._core.multiarray._reconstruct)",
        "device (torch.device)",
        // Protocol 4 has sets of its own.
        ...(name === "other_classes" ? ["seen (__builtin__.set)"] : []),
        "hook (posix.system)",
      ]);
    },
  );

  const inside = (container: string) =>
    pth(py.dict([py.str("epoch"), py.int(3)], [py.str(container), py.dict([py.str("a"), pyTensor()])]), {
      0: SIX_FLOATS,
    });
  it.each(["model", "state_dict", "model_state_dict", "net", "ema", "network"])(
    "are read under %s, the only dictionary of tensors",
    (container) => expect(hexOf(inside(container))).toBe(HEX),
  );

  it("are read under the usual name where there are several dictionaries of tensors", () => {
    const tensors = py.dict([py.str("a"), pyTensor()]);
    const others = py.dict([py.str("b"), pyTensor()]);
    const entries = [[py.str("ema"), others] as const, [py.str("net"), tensors] as const];
    expect(hexOf(pth(py.dict(...entries), { 0: SIX_FLOATS }))).toBe(HEX);
    const unusual = pth(py.dict([py.str("student"), tensors], [py.str("teacher"), others]), {
      0: SIX_FLOATS,
    });
    expect(refusal(unusual)).toContain("several state dicts");
    expect(refusal(unusual)).toContain('"student", "teacher"');
  });
});

describe("a pickle", () => {
  it.each([
    ["os", "system"],
    ["builtins", "eval"],
    ["__builtin__", "getattr"],
    ["torch", "load"],
    ["torch._utils", "_rebuild_tensor_v2.__globals__"],
    ["collections.OrderedDict", ""],
    ["constructor", "constructor"],
  ])("that names %s.%s holds nothing there, and says so", (module, name) => {
    const other = py.global(module, name);
    const call = py.call(other, py.str("echo this must never run"));
    for (const value of [
      other,
      call,
      py.call(call),
      `${other})\x81`,
      `${other})}\x92`,
      `${call}${py.dict()}b`,
    ]) {
      const file = pth(py.dict([py.str("x"), value], [py.str("a"), pyTensor()]), { 0: SIX_FLOATS });
      const { tensors, skipped } = readPth(bytesSource(file));
      expect([...tensors.keys()]).toEqual(["a"]);
      expect(skipped).toEqual([`x (${module}.${name})`]);
    }
    expect(refusalOfPickle(call)).toContain(
      `holds no state dict: expected a dictionary of tensors, got an object of`,
    );
  });

  it("cannot get at a name through strings that it puts together", () => {
    const value = `${py.str("posix")}${py.str("system")}\x93`;
    const file = pth(py.dict([py.str("x"), value], [py.str("a"), pyTensor()]), { 0: SIX_FLOATS });
    expect(readPth(bytesSource(file)).skipped).toEqual(["x (posix.system)"]);
    expect(refusalOfPickle(`${py.int(1)}${py.str("system")}\x93`)).toContain("is no string");
  });

  it("cannot call what it did not name", () => {
    for (const callable of [py.str("posix.system"), py.none, py.int(1), py.list(), pyTensor()])
      expect(refusalOfPickle(py.call(callable, py.int(1)))).toContain("damaged");
  });

  const ordered = py.global("collections", "OrderedDict");
  const rebuild = py.global("torch._utils", "_rebuild_tensor_v2");
  it.each([
    ["a tensor of nothing", py.call(rebuild)],
    ["a tensor of a dictionary", py.call(rebuild, py.dict(), py.int(0), py.tuple(), py.tuple())],
    ["a parameter of nothing", py.call(py.global("torch._utils", "_rebuild_parameter"))],
    ["a parameter of a string", py.call(py.global("torch._utils", "_rebuild_parameter"), py.str("a"))],
    ["a storage that is called", py.call(py.global("torch", "FloatStorage"), py.int(1))],
    ["a dictionary of a number", py.call(ordered, py.int(1))],
    ["arguments that are no tuple", `${ordered}${py.list()}R`],
    ["a persistent string", `${py.str("a")}Q`],
    ["a persistent value of another kind", `${py.tuple(py.str("module"), py.str("a"))}Q`],
    ["a state of a list", `${py.list()}${py.dict()}b`],
    ["items of a list", `${py.list()}(${py.int(1)}${py.int(2)}u`],
    ["a key without a value", `}(${py.int(1)}u`],
    ["items appended to a dictionary", `}(${py.int(1)}e`],
    ["a value that was not stored", "h\x05"],
    ["a mark as a value", "(\x85"],
    ["no mark", "t"],
    ["nothing at all", ""],
    ["a name that does not end", "cposix"],
    ["a string that does not end", `X\xff\xff\xff\xff`],
    ["a string that is not UTF-8", `X\x01\0\0\0\xff`],
    ["an opcode of other pickles", "P123\n"],
    ["a number of 200 bytes", `\x8a\xc8${"\x01".repeat(200)}`],
  ])("is refused for %s", (_, pickle) => {
    expect(refusalOfPickle(pickle)).toMatch(/^x\.pth: its pickle is damaged/);
  });

  it("may hold values that hold themselves", () => {
    const cyclic = "}q\x01X\x04\0\0\0selfh\x01s"; // d = {}; d["self"] = d
    expect(refusalOfPickle(cyclic)).toContain('got a dictionary of "self"');
    const list = `]q\x02(h\x02e`;
    expect(hexOf(pth(py.dict([py.str("l"), list], [py.str("a"), pyTensor()]), { 0: SIX_FLOATS }))).toBe(HEX);
  });

  it("cannot make much of little: lists that double, dictionaries that are copied", () => {
    const doubling = `]${"2\x86".repeat(40)}`; // a tuple of a tuple of ... 2^40 leaves, if anything walked them
    expect(refusalOfPickle(doubling)).toContain("no state dict");
    const pairs = py.list(...Array.from({ length: 1000 }, (_, n) => py.tuple(py.int(n), py.int(n))));
    const copies = `${pairs}q\x01`.concat(`${ordered}h\x01\x85R`.repeat(1000));
    expect(refusalOfPickle(copies)).toContain("damaged");
  });
});

describe("a tensor", () => {
  it("is read when all fits", () => {
    expect(hexOf(tensorFile())).toBe(HEX);
  });

  it.each<[string, TensorParts, string]>([
    ["without its storage", { key: py.str("1") }, 'tensor "a": its storage "1" is missing'],
    ["whose storage is elsewhere", { key: py.str("../data/0") }, "is missing"],
    ["whose storage is larger than it says", { count: py.int(5) }, "should take 20 bytes, but takes 24"],
    ["whose storage is smaller than it says", { count: py.int(7) }, "should take 28 bytes, but takes 24"],
    ["of another type than the bytes", { kind: "DoubleStorage" }, "should take 48 bytes, but takes 24"],
    ["that begins too late", { offset: py.int(1) }, "reaches beyond its storage of 6"],
    ["with a negative offset", { offset: py.int(-1) }, "damaged"],
    ["with a negative stride", { strides: py.tuple(py.int(-3), py.int(1)) }, "damaged"],
    ["with a negative side", { shape: py.tuple(py.int(-2), py.int(3)) }, "damaged"],
    ["with a side that is no number", { shape: py.tuple(py.str("2"), py.int(3)) }, "damaged"],
    ["with fewer strides than sides", { strides: py.tuple(py.int(1)) }, "damaged"],
    ["with strides in a list", { strides: py.list(py.int(3), py.int(1)) }, "damaged"],
    ["with a stride too many", { strides: py.tuple(py.int(4), py.int(1)) }, "reaches beyond"],
    ["of 2^62 values", { shape: py.tuple(py.long(2n ** 31n), py.long(2n ** 31n)) }, "reaches beyond"],
    ["with a side above 2^53", { shape: py.tuple(py.long(2n ** 60n), py.int(1)) }, "damaged"],
    ["of 65 axes", { shape: py.tuple(...Array<string>(65).fill(py.int(1))) }, "damaged"],
    [
      "of one value repeated 2^40 times",
      { shape: py.tuple(py.long(2n ** 40n)), strides: py.tuple(py.int(0)) },
      "is larger than the file",
    ],
    [
      "repeated beyond every number",
      {
        shape: py.tuple(...Array<string>(40).fill(py.long(2n ** 40n))),
        strides: py.tuple(...Array<string>(40).fill(py.int(0))),
      },
      "is larger than the file",
    ],
  ])("%s is refused", (_, parts, expected) => {
    expect(refusal(tensorFile(parts))).toContain(expected);
  });

  it("repeats a value by a stride of 0, as far as the file is large", () => {
    const file = tensorFile({ shape: py.tuple(py.int(50)), strides: py.tuple(py.int(0)), offset: py.int(1) });
    expect(hexOf(file)).toBe("04050607".repeat(50));
  });

  it("of a state dict elsewhere is not looked at", () => {
    const good = [py.str("a"), pyTensor()] as const;
    const bad = [py.str("b"), pyTensor({ key: py.str("gone") })] as const;
    const file = pth(py.dict([py.str("model"), py.dict(good)], [py.str("other"), py.dict(bad)]), {
      0: SIX_FLOATS,
    });
    expect(hexOf(file)).toBe(HEX);
  });
});

describe("a file of PyTorch before 1.6", () => {
  const good = py.dict([py.str("a"), pyTensor()]);
  const storages = { 0: SIX_FLOATS };

  it("is read when all fits, with something behind it too", () => {
    expect(hexOf(legacyPth(good, storages))).toBe(HEX);
    expect(hexOf(Uint8Array.of(...legacyPth(good, storages), 1, 2, 3))).toBe(HEX);
  });

  it.each<[string, Uint8Array, string]>([
    [
      "with another number at its start",
      legacyPth(good, storages, { magic: py.int(1) }),
      "torch.save did not write",
    ],
    ["of another version", legacyPth(good, storages, { version: py.int(1002) }), "expected 1001"],
    ["that lists no storages", legacyPth(good, storages, { keys: [] }), 'its storage "0" is missing'],
    [
      "that lists a storage twice",
      legacyPth(good, { 0: SIX_FLOATS, 1: SIX_FLOATS }, { keys: [py.str("0"), py.str("0")] }),
      "appears twice",
    ],
    [
      "that lists a storage of no tensor",
      legacyPth(good, { 0: SIX_FLOATS, 1: SIX_FLOATS }),
      "or of no tensor",
    ],
    ["whose list of storages is none", legacyPth(good, storages).slice(0, -33), "damaged"],
    [
      "whose storage is smaller than it says",
      legacyPth(good, { 0: SIX_FLOATS.subarray(4) }),
      "reaches beyond its end",
    ],
    [
      "whose storage has another size",
      legacyPth(good, storages, { itemBytes: 8 }),
      "has 3 values, expected 6",
    ],
    ["that breaks off", legacyPth(good, storages).slice(0, -1), "a download may have been cut off"],
    ["that breaks off before a storage", legacyPth(good, storages).slice(0, -28), "cut off"],
    ["that breaks off in a pickle", legacyPth(good, storages).slice(0, 60), "damaged"],
  ])("%s is refused", (_, file, expected) => {
    expect(refusal(file)).toContain(expected);
  });

  it("is refused where it has one storage in two sizes, or a part of another storage", () => {
    const twice = py.dict([py.str("a"), pyTensor()], [py.str("b"), pyTensor({ count: py.int(5) })]);
    expect(refusal(legacyPth(twice, storages))).toContain('storage "0" has two sizes');
    const part = py.tuple(py.str("1"), py.int(0), py.int(6));
    expect(refusal(legacyPth(py.dict([py.str("a"), pyTensor({ part })]), storages))).toContain("before 0.4");
  });
});

describe("an archive", () => {
  it("may be made by another tool, in any order of its members", () => {
    const members = Object.entries(membersOf(fixture("plain"))).reverse();
    const checkpoint = readPth(bytesSource(archiveOf(Object.fromEntries(members))));
    expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(EXPECTED["plain"]));
  });

  it("of an old PyTorch says no byte order; another one than little is refused", () => {
    const members = membersOf(fixture("plain"));
    expect(readPth(bytesSource(archiveOf({ ...members, byteorder: undefined }))).tensors.size).toBe(6);
    expect(refusal(archiveOf({ ...members, byteorder: latin1("big") }))).toContain(
      '"big", expected "little"',
    );
    expect(refusal(archiveOf({ ...members, byteorder: new Uint8Array(1e6) }))).toContain("byte order");
  });

  it("is refused when it is compressed, even in part", () => {
    const named = Object.entries(unzipSync(fixture("plain"))).map(([name, bytes]) => [
      name,
      [bytes, { level: name.endsWith("/data/0") ? 6 : 0 }] as [Uint8Array, ZipOptions],
    ]);
    const file = zipSync(Object.fromEntries(named) as Zippable);
    expect(refusal(file)).toContain('its member "plain/data/0" is compressed');
  });

  it("without a pickle is refused", () => {
    const members = membersOf(fixture("plain"));
    expect(refusal(archiveOf({ ...members, "data.pkl": undefined }))).toContain("it has no data.pkl");
  });

  it("is closed when it is refused, and once when it was read", () => {
    let closed = 0;
    const source = (name: string): ByteSource => ({
      ...bytesSource(fixture(name)),
      close: () => void closed++,
    });
    rejection(() => readPth(source("no_tensors")));
    expect(closed).toBe(1);
    const checkpoint = readPth(source("plain"));
    expect(closed).toBe(1);
    checkpoint.close();
    checkpoint.close();
    expect(closed).toBe(2);
    expect(rejection(() => checkpoint.readBytes("lin.weight"))).toContain("was closed");
    expect(rejection(() => checkpoint.readBytes("none"))).toContain('has no tensor "none"');
  });
});

const TINY = fileURLToPath(new URL("../../../../shared/checkpoints/medsam_tiny.pth", import.meta.url));
const hasTiny = existsSync(TINY);
if (!hasTiny) console.warn("skipping medsam_tiny.pth: ../shared/checkpoints is not there");

describe.skipIf(!hasTiny)("medsam_tiny.pth", () => {
  it("has 230 tensors of single precision, 3,696,384 parameters and the Gaussian matrix", () => {
    const checkpoint = openCheckpointFile(TINY);
    const infos = [...checkpoint.tensors.values()];
    expect(infos).toHaveLength(230);
    expect(new Set(infos.map(({ dtype }) => dtype))).toEqual(new Set(["F32"]));
    const values = infos.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(values).toBe(3_696_384 + 2 * 64);
    checkpoint.close();
  });
});
