import { markup, type Markup } from "./markup.js";

/** A picture of a page, with the words below it. */
export interface Picture {
  /** A PNG file's bytes, such as `encodePng` gives. They become part of the page. */
  readonly png: Uint8Array;
  /** Under the picture. */
  readonly caption: string;
  /** What it shows, for those who cannot see it. Default: the caption. */
  readonly alternative?: string;
}

/** Pictures side by side, each with its caption; large ones under each other. */
export function pictures(list: readonly Picture[], size: "small" | "large" = "small"): Markup {
  const figures = list.map(
    ({ png, caption, alternative = caption }) =>
      markup`<figure><img src="data:image/png;base64,${base64(png)}" alt="${alternative}"><figcaption>${caption}</figcaption></figure>\n`,
  );
  return markup`<div class="${size === "small" ? "pictures" : "pictures large"}">
${figures}</div>`;
}

/** In pieces, because a function call takes only so many arguments. */
function base64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; start += 8192)
    pieces.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  return btoa(pieces.join(""));
}
