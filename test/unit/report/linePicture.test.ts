import { expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode.js";
import { maskColour } from "../../../src/image/overlay.js";
import { linePicture } from "../../../src/report/linePicture.js";

const axes = { title: "Areas", x: { label: "frame" }, y: { label: "area, pixels", from: 0 } };

test("each curve is drawn in its colour, through its points, with gaps", async () => {
  const flat = (y: number) => [0, 2, NaN, 6, 10].map((x) => [x, y] as const);
  const png = linePicture({ ...axes, series: [{ name: "a", points: flat(100) }, { name: "b", points: flat(0) }] }); // prettier-ignore
  const { width, height, data } = await decodeImage(png, "curves");
  expect([width, height]).toEqual([960, 540]);
  const at = (x: number, y: number) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
  // 10 and 0 are the axes' ends: from 110 to 930 across, 470 to 60 up.
  for (const [k, y] of [60, 470].entries()) {
    for (const x of [111, 192, 602, 766]) expect(at(x, y)).toEqual([...maskColour(k)]);
    expect(at(440, y)).not.toEqual([...maskColour(k)]);
  }
});

test("nothing, and one point, are drawn too", async () => {
  for (const points of [[], [[3, 5] as const]])
    expect(await decodeImage(linePicture({ ...axes, series: [{ name: "a", points }] }), "a")).toMatchObject({ channels: 3 }); // prettier-ignore
});
