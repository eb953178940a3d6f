/** Names in conditions that nothing has: what is compared with them is decided before there is a call, and often mistyped. Pure. */
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import type { Problem } from "../../config/diagnose.ts";
import { clientRequestMethods, notificationMethods, requestMethods } from "../../mcp/methods.ts";
import type { PolicySource } from "../load.ts";
import { hinter, type PolicyContext, rulesOf } from "../references.ts";
import { parseExpression } from "./condition.ts";
import { pathOf, textOf, walk } from "./tree.ts";

/** A variable of which all values are known. */
interface Closed {
  readonly names: ReadonlySet<string>;
  readonly message: string;
  readonly hintFor: (name: string) => string | undefined;
}

const methods = [...requestMethods.keys(), ...notificationMethods, ...clientRequestMethods.keys()];

/**
 * Finds comparisons of `server.name`, `identity.issuer` and `mcp.method` with names that they never have.
 *
 * @param sources of which all conditions compile
 */
export function findStrangers(sources: readonly PolicySource[], { servers, issuers }: PolicyContext): Problem[] {
  const closed = new Map([
    ...close("server.name", servers, "no such server in the configuration, so server.name is never this"),
    ...close("identity.issuer", issuers, "no such issuer in the configuration, so identity.issuer is never this"),
    ...close("mcp.method", methods, "no such method passes the gateway, so mcp.method is never this"),
  ]);
  return sources.flatMap((source) =>
    [...rulesOf(source)].flatMap(({ rule, path }) => {
      // Few conditions name one of them, and parsing takes much longer than to see that.
      if (rule.when === undefined || !/\b(?:name|issuer|method)\b/.test(rule.when)) return [];
      const parsed = parseExpression(rule.when);
      if ("message" in parsed) return [];
      return strangersIn(parsed.expr, closed).map(({ part, name, as: { message, hintFor } }) =>
        source.problem([...path, "when"], message, { offset: parsed.offsetOf(part.id), hint: hintFor(name) }),
      );
    }),
  );
}

function close(path: string, names: readonly string[] | undefined, message: string): [string, Closed][] {
  return names === undefined ? [] : [[path, { names: new Set(names), message, hintFor: hinter(names) }]];
}

interface Stranger {
  readonly part: Expr;
  readonly name: string;
  readonly as: Closed;
}

function strangersIn(expr: Expr, closed: ReadonlyMap<string, Closed>): Stranger[] {
  const parts = [...walk(expr)];
  const own = new Set(
    parts.flatMap(({ exprKind }) => (exprKind.case === "comprehensionExpr" ? exprKind.value.iterVar : [])),
  );
  return parts.flatMap(({ exprKind }) => {
    if (exprKind.case !== "callExpr") return [];
    const { function: name, args } = exprKind.value;
    const [one, other] = args;
    if (name === "_==_" || name === "_!=_") return [...judge(one, [other]), ...judge(other, [one])];
    return name === "@in" && other?.exprKind.case === "listExpr" ? judge(one, other.exprKind.value.elements) : [];
  });

  function judge(variable: Expr | undefined, values: readonly (Expr | undefined)[]): Stranger[] {
    const path = pathOf(variable) ?? "";
    const as = closed.get(path);
    // What a macro calls by such a name is something else.
    if (as === undefined || own.has(path.split(".")[0] ?? "")) return [];
    return values.flatMap((part) => {
      const name = textOf(part);
      return part === undefined || name === undefined || as.names.has(name) ? [] : { part, name, as };
    });
  }
}
