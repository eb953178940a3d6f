import { isIP } from "node:net";

/**
 * The addresses a proxy chain named, nearest proxy first, or undefined when the headers cannot be trusted to say one
 * thing: two kinds of header at once, or an element without a readable address.
 *
 * Elements are read lazily by the caller from the right, since whatever stands left of the first untrusted address was
 * written by a stranger (RFC 7239 section 8.1).
 */
export function readForwardedChain(headers: ReadonlyMap<string, string>): readonly (string | undefined)[] | undefined {
  const legacy = headers.get("x-forwarded-for");
  const standard = headers.get("forwarded");
  if (legacy !== undefined && standard !== undefined) return undefined;
  if (legacy !== undefined)
    return legacy
      .split(",")
      .map((element) => readNode(element.trim()))
      .reverse();
  if (standard === undefined) return [];
  // A quoted string may hold commas and semicolons; addresses never do, so a quote that spans one is not worth reading.
  return standard.split(",").map(readForwardedElement).reverse();
}

/** `for=192.0.2.1;proto=https` → address (RFC 7239 section 4). */
function readForwardedElement(element: string): string | undefined {
  const values: string[] = [];
  for (const pair of element.split(";")) {
    const [, value] = /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair) ?? [];
    if (value !== undefined) values.push(value);
  }
  const [node] = values;
  if (values.length !== 1 || node === undefined) return undefined;
  const [, quoted] = /^"([^"\\]*)"$/.exec(node) ?? [];
  return readNode(quoted ?? node);
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80` → address; `unknown` and `_hidden` are none. */
function readNode(text: string): string | undefined {
  if (isIP(text) !== 0) return text.includes("%") ? undefined : text;
  const [, six, four] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::\d{1,5})?$/.exec(text) ?? [];
  if (six !== undefined) return isIP(six) === 6 ? six : undefined;
  return four !== undefined && isIP(four) === 4 ? four : undefined;
}
