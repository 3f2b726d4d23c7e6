/** XML as banks send it: elements, attributes and text as a tree. No document types, so nothing is fetched or expanded. */

export interface Element {
  /** Without its namespace prefix. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** The text directly inside, without the blanks around it. */
  readonly text: string;
}

/** The text is no XML that is read here, and where. */
export class XmlError extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.name = "XmlError";
    this.line = line;
  }
}

interface Open {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const depthMax = 100;
/** Comments, processing instructions, character data, a declaration, an end tag, a start tag. */
const token =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<!([A-Za-z]+)|<\/([^\s<>]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s=<>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const attribute = /([^\s=<>"']+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/g;

/** Parses a document. Throws an `XmlError` that names the line. */
export const parseXml = (source: string): Element => {
  const root: Open = { name: "", attributes: {}, children: [], text: "" };
  const stack: Open[] = [root];
  const fail = (at: number, message: string): XmlError => new XmlError(source.slice(0, at).split("\n").length, message);
  let at = source.startsWith("\uFEFF") ? 1 : 0;
  while (at < source.length) {
    const top = stack.at(-1) ?? root;
    const next = source.indexOf("<", at);
    const until = next < 0 ? source.length : next;
    const words = source.slice(at, until);
    if (words.trim() !== "") {
      if (top === root) throw fail(at, "text stands outside of all elements");
      top.text += unescaped(words, () => fail(at, "an entity is not known"));
    }
    if (next < 0) break;
    token.lastIndex = next;
    const match = token.exec(source);
    if (match === null) throw fail(next, "a tag is not well formed or is cut off");
    const [whole, data, declaration, ended, started, attributes = "", empty] = match;
    at = next + whole.length;
    if (declaration !== undefined) throw fail(next, "a document type is not read");
    if (data !== undefined) top.text += data;
    if (ended !== undefined) {
      if (top === root || localName(ended) !== top.name) throw fail(next, `</${ended}> closes nothing`);
      stack.pop();
      (stack.at(-1) ?? root).children.push({ ...top, text: top.text.trim() });
    }
    if (started === undefined) continue;
    const opened: Open = { name: localName(started), attributes: attributesOf(attributes), children: [], text: "" };
    if (empty === "/") top.children.push(opened);
    else if (stack.push(opened) > depthMax) throw fail(next, "elements lie too deep in each other");
  }
  if (stack.length > 1)
    throw fail(source.length, `<${stack.at(-1)?.name ?? ""}> is never closed: the file may be cut off`);
  const [only] = root.children;
  if (only === undefined || root.children.length > 1) throw fail(0, "there is not one outermost element");
  return only;
};

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

const attributesOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(attribute)].map(([, name = "", double, single]) => [
      localName(name),
      unescaped(double ?? single ?? "", () => new XmlError(0, "an entity is not known")),
    ]),
  );

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const unescaped = (text: string, failure: () => Error): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([A-Za-z]+));|&/g, (_, decimal, hexadecimal, name) => {
    const known = name === undefined ? undefined : entities[String(name)];
    if (known !== undefined) return known;
    const code = decimal === undefined ? Number.parseInt(String(hexadecimal), 16) : Number(decimal);
    if (!Number.isInteger(code) || code < 1 || code > 0x10ffff) throw failure();
    return String.fromCodePoint(code);
  });

/** The first element at a path of names below another; undefined where there is none. */
export const below = (element: Element | undefined, ...path: readonly string[]): Element | undefined =>
  path.reduce<Element | undefined>((at, name) => at?.children.find((child) => child.name === name), element);

/** All direct children of a name. */
export const childrenOf = (element: Element | undefined, name: string): readonly Element[] =>
  element?.children.filter((child) => child.name === name) ?? [];
