/** How many ways of drawing a series there are. */
export const SERIES_STYLES = 6;

/**
 * The page's style sheet. Colours of series are Okabe and Ito's, which colour-blind people can tell apart, darkened
 * for white paper and lightened for dark screens; dashes tell them apart without colour.
 */
export const STYLE = `
:root {
  --paper: #fff; --ink: #1c2430; --faint: #5b6675; --rule: #d5dae1; --shade: #f4f6f8;
  --s0: #0062a3; --s1: #b84a00; --s2: #00795a; --s3: #a03f7c; --s4: #7a6200; --s5: #3b3f99;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181e; --ink: #e4e8ed; --faint: #a0abb8; --rule: #39424e; --shade: #1d232b;
    --s0: #5bb4f0; --s1: #f0944d; --s2: #4cc9a0; --s3: #e29ac6; --s4: #e5cb52; --s5: #a4a8f5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; }
h1, h2, p, figcaption, caption, td, th { overflow-wrap: break-word; }
p { max-width: 45rem; margin: 0.6rem 0; }
code { font: 0.9em ui-monospace, monospace; background: var(--shade); padding: 0.1em 0.3em; border-radius: 3px; }
figure { margin: 1rem 0; }
figcaption, caption { color: var(--faint); font-size: 0.9rem; text-align: left; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.95rem; }
caption { padding-bottom: 0.4rem; }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--faint); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { display: block; width: 100%; max-width: 45rem; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg .tick { fill: var(--faint); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .axis { stroke: var(--faint); stroke-width: 1; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .box { fill-opacity: 0.18; stroke-width: 1.5; }
svg .dot { stroke: none; fill-opacity: 0.55; }
.s0 { stroke: var(--s0); fill: var(--s0); }
.s1 { stroke: var(--s1); fill: var(--s1); stroke-dasharray: 7 4; }
.s2 { stroke: var(--s2); fill: var(--s2); stroke-dasharray: 2 4; }
.s3 { stroke: var(--s3); fill: var(--s3); stroke-dasharray: 9 3 2 3; }
.s4 { stroke: var(--s4); fill: var(--s4); stroke-dasharray: 14 3; }
.s5 { stroke: var(--s5); fill: var(--s5); stroke-dasharray: 3 2; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: 1rem; margin: 1rem 0; }
.pictures figure { margin: 0; break-inside: avoid; }
.pictures img { width: 100%; height: auto; display: block; background: #000; }
.pictures.large { grid-template-columns: 1fr; }
.pictures.large img { width: auto; max-width: 100%; background: none; }
@media print {
  :root {
    --paper: #fff; --ink: #000; --faint: #444; --rule: #bbb; --shade: #eee;
    --s0: #0062a3; --s1: #b84a00; --s2: #00795a; --s3: #a03f7c; --s4: #7a6200; --s5: #3b3f99;
  }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  tr, figure, .scroll { break-inside: avoid; }
  .scroll { overflow: visible; }
  .pictures { grid-template-columns: repeat(4, 1fr); }
}
`;
