import * as tf from "@tensorflow/tfjs";

type Shape = readonly number[];
type Attributes = Readonly<Record<string, unknown>>;

/** What a kernel gives, by shapes alone: its outputs, and how many multiply-adds its products take. */
export interface KernelShapes {
  readonly outputs: readonly Shape[];
  readonly multiplyAdds?: number;
  /** Of the outputs; default: that of the first input. */
  readonly dtype?: tf.DataType;
  /** The output is the input's memory under another shape. */
  readonly isView?: boolean;
}

type Rule = (inputs: readonly Shape[], attributes: Attributes) => KernelShapes;

const same: Rule = ([x]) => ({ outputs: [x] });
const view = (shapeOf: (x: Shape, attributes: Attributes) => Shape): Rule => {
  return ([x], attributes) => ({ outputs: [shapeOf(x, attributes)], isView: true });
};
const broadcast: Rule = ([a, b]) => ({
  outputs: [tf.broadcast_util.assertAndGetBroadcastShape([...a], [...b])],
});
const comparison: Rule = (inputs, attributes) => ({ ...broadcast(inputs, attributes), dtype: "bool" });

const reduction: Rule = ([x], { axis, keepDims }) => {
  const axes = tf.util.parseAxisParam((axis ?? x.map((_, n) => n)) as number[], [...x]);
  const kept = x.map((side, n) => (axes.includes(n) ? 1 : side));
  return { outputs: [keepDims === true ? kept : x.filter((_, n) => !axes.includes(n))] };
};

const convolution =
  (depthwise: boolean): Rule =>
  ([x, filter], attributes) => {
    const { strides, pad, dilations = 1, dimRoundingMode } = attributes as unknown as ConvolutionAttributes;
    const [height, width, inChannels] = filter;
    const { outShape } = tf.backend_util.computeConv2DInfo(
      x as FourSides,
      filter as FourSides,
      strides,
      dilations,
      pad,
      dimRoundingMode,
      depthwise,
    );
    const perOutput = height * width * (depthwise ? 1 : inChannels);
    return { outputs: [outShape], multiplyAdds: tf.util.sizeFromShape(outShape) * perOutput };
  };
type FourSides = [number, number, number, number];
interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: number | "valid" | "same";
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

const product: Rule = ([a, b], { transposeA, transposeB }) => {
  const [rows, inner] = transposeA === true ? a.slice(-2).toReversed() : a.slice(-2);
  const columns = transposeB === true ? b[b.length - 2] : b[b.length - 1];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.slice(0, -2), b.slice(0, -2));
  const output = [...batch, rows, columns];
  return { outputs: [output], multiplyAdds: tf.util.sizeFromShape(output) * inner };
};

const named = (names: string, rule: Rule): [string, Rule][] => names.split(" ").map((name) => [name, rule]);

/** By the kernel's name: what this package's layers use, and what layers of one's own are likely to. */
export const SHAPE_RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...named(
    "Abs Ceil ClipByValue Cos Cumsum Elu Erf Exp Expm1 Floor LeakyRelu Log Log1p LogSoftmax Neg",
    same,
  ),
  ...named(
    "OnesLike Prelu Reciprocal Relu Relu6 Reverse Round Rsqrt Selu Sigmoid Sign Sin Softmax Softplus",
    same,
  ),
  ...named("Sqrt Square Step Tan Tanh ZerosLike", same),
  ...named("Add AddN FloorDiv Maximum Minimum Mod Multiply Pow RealDiv SquaredDifference Sub", broadcast),
  ...named("Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr", comparison),
  ...named("Max Mean Min Prod Sum", reduction),
  ...named("All Any", (inputs, attributes) => ({ ...reduction(inputs, attributes), dtype: "bool" })),
  ["LogicalNot", ([x]) => ({ outputs: [x], dtype: "bool" })],
  ["AddN", same],
  ["Cast", ([x], { dtype }) => ({ outputs: [x], dtype: dtype as tf.DataType })],
  ["Identity", view((x) => x)],
  [
    "Reshape",
    view((x, { shape }) => tf.util.inferFromImplicitShape(shape as number[], tf.util.sizeFromShape([...x]))),
  ],
  [
    "ExpandDims",
    view((x, { dim }) =>
      x.toSpliced((dim as number) < 0 ? x.length + 1 + (dim as number) : (dim as number), 0, 1),
    ),
  ],
  ["Transpose", ([x], { perm }) => ({ outputs: [(perm as number[]).map((axis) => x[axis])] })],
  [
    "Slice",
    ([x], { begin, size }) => {
      const [, sizes] = tf.slice_util.parseSliceParams(
        { shape: [...x] } as tf.Tensor,
        begin as number[],
        size as number[],
      );
      return { outputs: [sizes] };
    },
  ],
  [
    "Concat",
    (inputs, { axis }) => {
      const [at] = tf.util.parseAxisParam(axis as number, [...inputs[0]]);
      return {
        outputs: [
          tf.backend_util.computeOutShape(
            inputs.map((x) => [...x]),
            at,
          ),
        ],
      };
    },
  ],
  ["Pack", (inputs, { axis }) => ({ outputs: [inputs[0].toSpliced(axis as number, 0, inputs.length)] })],
  [
    "Unpack",
    ([x], { axis }) => {
      const [at] = tf.util.parseAxisParam(axis as number, [...x]);
      return { outputs: Array.from({ length: x[at] }, () => x.toSpliced(at, 1)) };
    },
  ],
  [
    "SplitV",
    ([x], { numOrSizeSplits, axis }) => {
      const [at] = tf.util.parseAxisParam(axis as number, [...x]);
      const sizes = tf.backend_util.prepareSplitSize(
        { shape: [...x] } as tf.Tensor,
        numOrSizeSplits as number[],
        at,
      );
      return { outputs: sizes.map((size) => x.with(at, size)) };
    },
  ],
  [
    "GatherV2",
    ([x, indices], { axis, batchDims }) => {
      const [at] = tf.util.parseAxisParam(axis as number, [...x]);
      return { outputs: [[...x.slice(0, at), ...indices.slice(batchDims as number), ...x.slice(at + 1)]] };
    },
  ],
  ...named("PadV2 MirrorPad", ([x], { paddings }) => {
    const sides = paddings as [number, number][];
    return { outputs: [x.map((side, n) => side + sides[n][0] + sides[n][1])] };
  }),
  ["Tile", ([x], { reps }) => ({ outputs: [x.map((side, n) => side * (reps as number[])[n])] })],
  [
    "Fill",
    (_, { shape, dtype }) => ({ outputs: [shape as number[]], dtype: (dtype as tf.DataType) ?? "float32" }),
  ],
  [
    "Range",
    (_, { start, stop, step, dtype }) => ({
      outputs: [[Math.max(0, Math.ceil(((stop as number) - (start as number)) / (step as number)))]],
      dtype: dtype as tf.DataType,
    }),
  ],
  ["Select", ([, a]) => ({ outputs: [a] })],
  ["BatchMatMul", product],
  ...named("MaxPool AvgPool", ([x], { filterSize, strides, pad, dimRoundingMode }) => ({
    outputs: [
      tf.backend_util.computePool2DInfo(
        x as FourSides,
        filterSize as number,
        strides as number,
        1,
        pad as "valid" | "same" | number,
        dimRoundingMode as "floor" | undefined,
      ).outShape,
    ],
  })),
  ...named("ArgMax ArgMin", ([x], { axis }) => ({
    outputs: [x.toSpliced(axis as number, 1)],
    dtype: "int32",
  })),
  ["Conv2D", convolution(false)],
  ["DepthwiseConv2dNative", convolution(true)],
]);
