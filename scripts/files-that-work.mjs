// Writes docs/files-that-work.md from the calls of fileWorks in test/; --check only says whether it is current.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

const tests = new URL("../test/", import.meta.url);
const page = new URL("../docs/files-that-work.md", import.meta.url);
const FORMATS = ["DICOM", "NIfTI", "NRRD and MetaImage", "TIFF", "PNG, JPEG and npz"];
const KEYS = ["format", "from", "habit", "result"];

/** The text of a literal, also of several with + between them. */
function textOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** The rows that a test's source declares. */
function rowsOf(file) {
  const code = readFileSync(new URL(file, tests), "utf8");
  if (!code.includes("fileWorks(")) return [];
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
  const rows = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && node.expression.getText() === "fileWorks")
      rows.push(rowOf(node, source));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return rows;
}

function rowOf(call, source) {
  const { line } = source.getLineAndCharacterOfPosition(call.getStart());
  const [row] = call.arguments;
  const entries = row && ts.isObjectLiteralExpression(row) ? row.properties : [];
  const texts = Object.fromEntries(
    entries
      .filter(ts.isPropertyAssignment)
      .map(({ name, initializer }) => [name.getText(), textOf(initializer)]),
  );
  if (KEYS.some((key) => !texts[key]) || !FORMATS.includes(texts.format))
    throw new Error(
      `test/${source.fileName}:${line + 1}: fileWorks needs ${KEYS.join(", ")} as plain strings, and as format one ` +
        `of ${FORMATS.join("; ")}`,
    );
  return texts;
}

const rows = readdirSync(tests, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".test.ts"))
  .sort()
  .flatMap(rowsOf);

const cell = (text) => text.replaceAll("|", "\\|").trim();
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function table(format) {
  const own = rows.filter((row) => row.format === format);
  if (own.length === 0) return [];
  own.sort((a, b) => compare(a.from.toLowerCase(), b.from.toLowerCase()) || compare(a.habit, b.habit));
  const body = own.map(({ from, habit, result }) => `| ${[from, habit, result].map(cell).join(" | ")} |`);
  return [
    `## ${format}`,
    ["| written by | what is special | what you get |", "| --- | --- | --- |", ...body].join("\n"),
  ];
}

const text = `${[
  "# Files that work",
  "Programs and scanners have habits that break other readers. These files work here, in Node and in the browser. Look for the program that wrote your file. If your file is refused although it should work, its row is missing here: please report it.",
  "Each row is a test of the same name. `npm run files:table` writes this page from the tests; do not edit it.",
  ...FORMATS.flatMap(table),
].join("\n\n")}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(page, "utf8") !== text) {
    console.error("docs/files-that-work.md is not what the tests declare; run: npm run files:table");
    process.exit(1);
  }
} else writeFileSync(page, text);
