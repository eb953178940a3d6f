/** What a server's 401 or 403 says of how to log in (RFC 6750 section 3, RFC 9728 section 5.1). Pure. */

/** Of a challenge for a bearer token; null for what it does not say. */
export interface Challenge {
  readonly resourceMetadata: string | null;
  readonly scope: string | null;
  readonly error: string | null;
}

/** What a server says that challenges nobody. */
export const noChallenge: Challenge = { resourceMetadata: null, scope: null, error: null };

/** Of one value: all of them end in a link. */
const maxLength = 1_024;
const maxHeader = 8_192;
const scheme = /(?:^|,)\s*bearer(?=\s|,|$)/i;
/** One parameter, or another scheme; RFC 9110 section 11.2. */
const parameter = /\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+))?\s*(,|$|(?=\s))/y;

/** Reads the Bearer challenge of a `WWW-Authenticate` header; what is too long, or said twice in different ways, is not said. */
export function readChallenge(header: string | string[] | undefined): Challenge {
  const text = Array.isArray(header) ? header.join(", ") : (header ?? "");
  const found = text.length > maxHeader ? null : scheme.exec(text);
  if (found === null) return noChallenge;
  const said = new Map<string, string>();
  parameter.lastIndex = found.index + found[0].length;
  for (let next = parameter.exec(text); next !== null && next[0] !== ""; next = parameter.exec(text)) {
    const [, name = "", written] = next;
    // The next scheme.
    if (written === undefined) break;
    const value = written.startsWith('"') ? written.slice(1, -1).replaceAll(/\\(.)/g, "$1") : written;
    said.set(name.toLowerCase(), said.has(name.toLowerCase()) && said.get(name.toLowerCase()) !== value ? "" : value);
  }
  const read = (name: string) => {
    const value = said.get(name) ?? "";
    return value === "" || value.length > maxLength ? null : value;
  };
  return { resourceMetadata: read("resource_metadata"), scope: readScope(read("scope")), error: read("error") };
}

/** RFC 6749 section 3.3. */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

function readScope(text: string | null): string | null {
  const scopes = readScopes(text);
  return scopes.length === 0 ? null : scopes.join(" ");
}

/** The scopes in a text, each once; none where one of them is no scope. */
export function readScopes(text: string | null): readonly string[] {
  const scopes = [...new Set((text ?? "").split(" ").filter((scope) => scope !== ""))];
  return scopes.every((scope) => scopeToken.test(scope)) ? scopes : [];
}
