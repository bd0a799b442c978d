import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { edit, sessionOf } from "../../../web/state/app.js";
import { placeBox } from "../../../web/state/session.js";
import { crash, inBrowser, loadPage, picture } from "./imageReader.js";

beforeEach(() => inBrowser());
afterEach(() => vi.unstubAllGlobals());

const [FIRST, SECOND] = [picture("first.png", 1), picture("second.png", 2)];

describe("prompts stay with their image", () => {
  /** The page with a box on the first image. */
  async function withBox() {
    const page = loadPage();
    await page.images.open([FIRST]);
    edit(page.app, placeBox(sessionOf(page.app.value), 0, [1, 2, 30, 20]));
    return page;
  }
  const boxes = ({ app }: ReturnType<typeof loadPage>) =>
    sessionOf(app.value).objects.map(({ prompts }) => prompts.get(0)?.query.box);

  test.each([
    ["", false],
    ["; also where the browser has no room to keep them", true],
  ])("while another one is open%s", async (_, full) => {
    await inBrowser({ full });
    const page = await withBox();
    await page.images.open([SECOND]);
    expect(boxes(page)).toEqual([]);
    await page.images.open([FIRST]);
    expect(boxes(page)).toEqual([[1, 2, 30, 20]]);
  });

  test("when the reader ended and the image is opened again, with what can be undone", async () => {
    const page = await withBox();
    page.app.update({ window: { centre: 9, width: 3 } });
    crash();
    expect(page.app.value.notice?.text).toMatch(/^the reader of images stopped: .*; open the image again$/);
    await page.images.open([FIRST]);
    expect(boxes(page)).toEqual([[1, 2, 30, 20]]);
    expect(page.app.value).toMatchObject({ window: { centre: 9, width: 3 }, notice: undefined });
    expect(page.app.value.history.past).toHaveLength(1);
  });

  test("when the page is loaded anew", async () => {
    const before = await withBox();
    await before.images.open([SECOND]);
    const page = loadPage();
    await page.images.open([SECOND]);
    expect(page.app.value.notice?.text).toMatch(/Your prompts on first\.png are kept: open that image again/);
    await page.images.open([FIRST]);
    expect(boxes(page)).toEqual([[1, 2, 30, 20]]);
    expect(page.app.value.notice).toBeUndefined();
  });
});

describe("the reader holds the image that is shown", () => {
  /** A file that is read when it is told to. */
  function slow(file: File): { file: File; read: () => void } {
    let read: () => void = () => undefined;
    const waits = new Promise<void>((resolve) => (read = resolve));
    const arrayBuffer = () => waits.then(() => file.arrayBuffer());
    return { file: Object.assign(new File([], file.name), { arrayBuffer }), read };
  }
  const shown = async ({ app, images }: ReturnType<typeof loadPage>) => {
    // From the reader, not what was kept of it.
    const { data } = await images.worker.call("slice", 0);
    return [app.value.image?.name, app.value.pixels?.data[0], data[0]];
  };

  test("when a second one is opened before the first was read", async () => {
    const page = loadPage();
    const { file, read } = slow(FIRST);
    const first = page.images.open([file]);
    await page.images.open([SECOND]);
    read();
    await first;
    expect(await shown(page)).toEqual(["second.png", 2, 2]);
    expect(page.app.value).toMatchObject({ notice: undefined, activity: undefined });
  });

  test("when prompts are opened before it was read", async () => {
    const page = loadPage();
    const { file, read } = slow(FIRST);
    const first = page.images.open([file]);
    await page.images.open([new File(["{}"], "a.json")]);
    expect(page.app.value.notice?.text).toBe("a.json: open the image first, then its prompts");
    read();
    await first;
    expect(await shown(page)).toEqual(["first.png", 1, 1]);
  });

  test("when it is opened before the sample was fetched", async () => {
    const page = loadPage();
    let answer: (response: Response) => void = () => undefined;
    vi.stubGlobal("fetch", () => new Promise((resolve) => (answer = resolve)));
    const sample = page.images.openSample("sample.png");
    await page.images.open([FIRST]);
    answer(new Response(SECOND));
    await sample;
    expect(await shown(page)).toEqual(["first.png", 1, 1]);
  });
});

describe("a file that is none of what the page reads", () => {
  test.each([
    ["photo.webp", "RIFF\0\0\0\0WEBP", "52 49 46 46 00 00 00 00"],
    ["notes.png", "hello, this is text", "68 65 6c 6c 6f 2c 20 74"],
    ["empty.png", "", "nothing"],
  ])("%s: says what can be read, and how it starts", async (name, content, start) => {
    const { app, images } = loadPage();
    await images.open([new File([content], name)]);
    expect(app.value.notice?.text).toBe(
      `${name}: is no PNG, JPEG, TIFF, DICOM, NIfTI, NRRD, MetaImage or npz file (it starts with: ${start})`,
    );
  });

  test.each(["a.dcm", "IM000001", "1.2.840.5"])("%s: is told as damaged DICOM", async (name) => {
    const { app, images } = loadPage();
    await images.open([new File(["hello"], name)]);
    expect(app.value.notice?.text).toMatch(/: has no DICOM header .* expected a complete DICOM file/);
  });
});

test("an image that is read when the reader ends is told so, as the page itself is", async () => {
  const { app, images } = loadPage();
  const endless = Object.assign(picture("endless.png", 1), {
    arrayBuffer: () => new Promise(() => undefined),
  });
  const opened = images.open([endless]);
  crash();
  await opened;
  expect(app.value.notice?.text).toMatch(/^the reader of images stopped: .*; open the image again$/);
});
