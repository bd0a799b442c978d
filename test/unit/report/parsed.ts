import { defaultTreeAdapter, parse, type DefaultTreeAdapterTypes, type ParserError } from "parse5";
import { expect } from "vitest";
import { htmlPage } from "../../../src/report/page.js";
import type { Markup } from "../../../src/report/markup.js";

type Node = DefaultTreeAdapterTypes.Node;
export type Element = DefaultTreeAdapterTypes.Element;

/** The page with these parts as browsers read it, which must not find anything wrong with it. */
export function parsed(title: string, ...body: readonly Markup[]): Element[] {
  return elementsOf(htmlPage({ title, body }));
}

/** All elements of a page, in order. */
export function elementsOf(page: string): Element[] {
  const errors: ParserError[] = [];
  const document = parse(page, { onParseError: (error) => errors.push(error) });
  expect(errors).toEqual([]);
  const found: Element[] = [];
  const visit = (node: Node) => {
    if (defaultTreeAdapter.isElementNode(node)) found.push(node);
    if ("childNodes" in node) node.childNodes.forEach(visit);
  };
  visit(document);
  return found;
}

export function named(elements: readonly Element[], name: string): Element[] {
  return elements.filter(({ tagName }) => tagName === name);
}

export function attribute({ attrs }: Element, name: string): string | undefined {
  return attrs.find((attr) => attr.name === name)?.value;
}

export function textOf(node: Node): string {
  if (defaultTreeAdapter.isTextNode(node)) return node.value;
  return "childNodes" in node ? node.childNodes.map(textOf).join("") : "";
}
