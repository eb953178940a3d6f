/** Something outside the file that a scalar refers to. */
export type Reference =
  | { readonly kind: "variable"; readonly name: string; readonly fallback: string | undefined }
  | { readonly kind: "file"; readonly path: string };

/** A scalar cut into literal text and references. */
export type Template = readonly (string | Reference)[];

/** Why a scalar is no template. */
export interface TemplateFault {
  readonly fault: string;
}

/**
 * Cuts a scalar at `${VAR}`, `${VAR:-default}` and `${file:/path}`. `$${` stands for a literal `${`; any other `$` for
 * itself. A default is plain text up to the next `}`; references do not nest.
 */
export function readTemplate(text: string): Template | TemplateFault {
  const parts: (string | Reference)[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    if (text.startsWith("$${", at)) {
      literal += "${";
      at += 3;
    } else if (text.startsWith("${", at)) {
      const end = text.indexOf("}", at);
      if (end < 0) return { fault: `\${ without a closing }; write $\${ for a literal one` };
      const reference = readReference(text.slice(at + 2, end));
      if ("fault" in reference) return reference;
      if (literal !== "") parts.push(literal);
      parts.push(reference);
      literal = "";
      at = end + 1;
    } else {
      literal += text[at++];
    }
  }
  if (literal !== "" || parts.length === 0) parts.push(literal);
  return parts;
}

function readReference(inner: string): Reference | TemplateFault {
  if (inner.includes("${")) return { fault: "references do not nest" };
  if (inner.startsWith("file:")) {
    const path = inner.slice("file:".length);
    return path === "" ? { fault: `\${file:} names no file` } : { kind: "file", path };
  }
  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner) ?? [];
  if (name === undefined) return { fault: `expected \${VAR}, \${VAR:-default} or \${file:/path}` };
  return { kind: "variable", name, fallback };
}

/** True for a scalar that is one reference and nothing else. */
export function isWholeReference(template: Template): boolean {
  return template.length === 1 && typeof template[0] === "object";
}

/** What stands for a reference, or why nothing does. */
export type Resolved = { readonly value: string } | { readonly fault: string; readonly hint?: string | undefined };

/** A variable that is empty takes the default, as in a shell; one that is unset and has none is a fault. */
export function resolveVariable(
  { name, fallback }: Extract<Reference, { kind: "variable" }>,
  env: Readonly<Record<string, string | undefined>>,
): Resolved {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (fallback !== undefined && (value === undefined || value === "")) return { value: fallback };
  return value === undefined ? { fault: `the environment variable ${name} is not set` } : { value };
}

/** Puts the pieces together. A value is text whatever it holds: it is never parsed again. */
export function fillTemplate(template: Template, values: (reference: Reference) => string): string {
  return template.map((part) => (typeof part === "string" ? part : values(part))).join("");
}
