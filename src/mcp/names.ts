/** Names that decisions rest on: each has to be spelled in one way only, or it is refused. */

/** Controls, invisible and bidirectional characters, private use, unassigned code points, lone surrogates, white space. */
const unseen = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Whether a tool or prompt name can be compared exactly.
 *
 * MCP 2025-11-25 (Tools, Tool Names) recommends A-Z a-z 0-9 _ - . / but servers in use also have names in other scripts, and
 * titles as prompt names. So every visible character passes, and a space where it stands alone between others: what servers
 * and clients trim, collapse, normalise or do not show is what makes two spellings of one name.
 *
 * @param name 1 to 256 UTF-16 code units
 */
export function isPlainName(name: string): boolean {
  if (name.length > 256) return false;
  if (/^[!-~]+(?: [!-~]+)*$/.test(name)) return true;
  return name !== "" && !/^ | $| {2}/.test(name) && isOneSpelling(name.replaceAll(" ", ""));
}

/**
 * What a lenient parser may take a name for: compatibility forms, case, invisible characters, white space, separators of
 * words, and whatever follows a NUL do not count. Case is folded both ways, so that ſ, ı, İ and the Kelvin sign meet s, i
 * and k.
 */
export function foldName(name: string): string {
  if (/^[ -~]*$/.test(name)) return name.replaceAll(/[ _-]/g, "").toLowerCase();
  const cut = name.split("\0", 1)[0] ?? "";
  const shown = cut.normalize("NFKC").replaceAll(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}_-]/gu, "");
  return shown.toUpperCase().toLowerCase().replaceAll("i\u0307", "i").normalize("NFKC");
}

const scheme = /^[a-z][a-z0-9+.-]*:/i;
const neverInUri = /[ "<>\\^`{|}]|%(?![0-9a-f]{2})/i;
const parts = /^([^:]+):(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s;
/** A dot that stands for the root of all names: the same host without it. */
const rootDot = /\.(?::\d*)?$/;
/** The same as no port (RFC 3986 section 6.2.3), and as the number without its zeros. */
const oddPort = /:(?:0\d+)?$/;
/** To most servers the same as none at all. */
const emptyTail = /^\?(?:#|$)|#$/;
const escapedControl = /%(?:[01][0-9A-F]|7F)/;
/** Decoded by some servers before and by some after they split the path; `//` is one slash to file systems. */
const twoPaths = /%2F|%5C|%25[0-9A-F]{2}|\/\//i;
/** Anywhere, since servers with a scheme of their own may take all of it for a path; `..;` is `..` to Java servers. */
const dotSegment = /(?:^|[/?#]|%5C)\.\.?(?:[;/?#]|%5C|$)/;
/** RFC 3986 section 3.3: what may stand in a path segment as it is; brackets may not, but are found there. */
const needlessInPath = /%(?:2[146789ABC]|3[ABD]|40|5[BD])/g;
/** RFC 3986 section 3.2.2: the same for a host. */
const needlessInHost = /%(?:2[146789ABC]|3[BD])/g;
/** What would begin a port or end user information. */
const portOrUser = /%(?:3A|40)/;
/** RFC 3986 section 3.4: the same for a query, where `&`, `=`, `+` and `;` mean something else when escaped. */
const needlessInTail = /%(?:2[14789ACF]|3[AF]|40|5[BD])/g;
/** Schemes whose hosts the URL standard normalises. */
const webSchemes = new Set(["http", "https", "ws", "wss", "ftp"]);

/**
 * The form of a resource URI that policy is matched against; undefined when it could be read in more than one way. What is
 * forwarded stays as the client wrote it.
 *
 * Scheme and host are lower case, escapes that need not be there are decoded, those of unreserved and non-ASCII characters
 * among them, and the others are upper case (RFC 3986 section 6.2.2, RFC 3987 section 5.3.2). A path that begins with a slash
 * has a host before it, if an empty one.
 * Refused are user information, empty queries and fragments, empty ports and zeros before one, dot segments, empty segments,
 * backslashes, escaped separators and controls, doubly escaped paths, characters that do not show or have a compatibility form,
 * `file` URIs of another host, and whatever is no URI.
 *
 * @param uri 1 to 2,048 UTF-16 code units
 */
export function canonicalUri(uri: string): string | undefined {
  if (uri.length > 2_048 || !scheme.test(uri) || neverInUri.test(uri)) return undefined;
  const decoded = decodeEscapes(uri);
  if (decoded === undefined || escapedControl.test(decoded)) return undefined;
  const [, name = "", authority, rawPath = "", rawTail = ""] = parts.exec(decoded) ?? [];
  if (twoPaths.test(`${authority ?? ""}${rawPath}`) || emptyTail.test(rawTail)) return undefined;
  const path = rawPath.replaceAll(needlessInPath, decodeURIComponent);
  const tail = rawTail.replaceAll(needlessInTail, decodeURIComponent);
  const canonical = joinParts(name.toLowerCase(), authority, path, tail);
  if (canonical === undefined || !isOneSpelling(canonical)) return undefined;
  return dotSegment.test(canonical.slice(name.length + 1)) ? undefined : canonical;
}

/**
 * The form of a URI template (RFC 6570) that resource patterns are compared with: scheme and host in lower case, as far as
 * they stand before the first expression, and an empty host where there is none before a path.
 */
export function canonicalTemplate(uriTemplate: string): string {
  return (
    uriTemplate
      .replace(/^[a-z][a-z0-9+.-]*:(?:\/\/[^/?#{]*)?/i, (origin) => origin.toLowerCase())
      // An expression may begin with the slash that makes a host of what follows.
      .replace(/^([a-z][a-z0-9+.-]*:)(?=\/[^/{])/, "$1//")
  );
}

/** What a pattern's first asterisk is tried with, since it may have to bring a scheme, a host or a path; further ones are `x`. */
const runs = ["x", "/x", "x/x", "x:", "x://", ":x", "://x/x", ":///x", "///x"];
/** What question marks are tried with: a pattern may mean the one that begins a query. */
const characters = ["x", "/", "?"];

/**
 * Whether a resource pattern with `*` and `?` can match a canonical URI at all. A deny that cannot would be silent: `FILE://*`
 * for example, or `note://Secrets`. A yes is certain.
 */
export function canMatchUri(pattern: string): boolean {
  return runs.some((run) =>
    characters.some((character) => {
      const uri = pattern.replaceAll("?", character).replace("*", run).replaceAll("*", "x");
      return canonicalUri(uri) === uri;
    }),
  );
}

function isOneSpelling(text: string): boolean {
  return /^[!-~]*$/.test(text) || (text === text.normalize("NFKC") && !unseen.test(text));
}

/** Undefined where escapes are no UTF-8. */
function decodeEscapes(uri: string): string | undefined {
  const ascii = uri.replaceAll(/%[0-7][0-9a-f]/gi, (escaped) => {
    const character = decodeURIComponent(escaped);
    return /[A-Za-z0-9._~-]/.test(character) ? character : escaped.toUpperCase();
  });
  try {
    return ascii.replaceAll(/(?:%[89a-f][0-9a-f])+/gi, decodeURIComponent);
  } catch {
    return undefined;
  }
}

function joinParts(name: string, authority: string | undefined, path: string, tail: string): string | undefined {
  if (name === "file") return joinFile(authority ?? "", path, tail);
  if (authority === undefined) return webSchemes.has(name) ? undefined : `${name}:${emptyHost(path)}${path}${tail}`;
  // Who it is asked as does not change which host is meant.
  if (authority.includes("@") || rootDot.test(authority)) return undefined;
  if (!webSchemes.has(name)) {
    const host = authority.replaceAll(needlessInHost, decodeURIComponent).toLowerCase();
    return portOrUser.test(authority) || oddPort.test(host) ? undefined : `${name}://${host}${path}${tail}`;
  }
  const webHost = URL.parse(`${name}://${authority}`)?.host;
  return webHost === undefined || rootDot.test(webHost)
    ? undefined
    : `${name}://${webHost}${path === "" ? "/" : path}${tail}`;
}

/** RFC 3986 section 5.3 keeps no host apart from an empty one; many parsers do not, and to those `x:/a` and `x:///a` are one. */
function emptyHost(path: string): string {
  return path.startsWith("/") ? "//" : "";
}

/** RFC 8089: no host and `localhost` are the same; some servers ignore any other host, or a query, and some do not. */
function joinFile(authority: string, path: string, tail: string): string | undefined {
  const isLocal = authority === "" || authority.toLowerCase() === "localhost";
  return isLocal && path.startsWith("/") && tail === "" ? `file://${path}` : undefined;
}
