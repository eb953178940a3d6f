import { specTypeSchemas as sdk2 } from "@modelcontextprotocol/client";
import * as sdk1 from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it } from "vitest";
import { eraOf, type Revision, revisions } from "../../../src/mcp/era.ts";
import { type Direction, listMethods } from "../../../src/mcp/method-table.ts";
import { findMethod, requestMethods } from "../../../src/mcp/methods.ts";
import { schemaMethods, tasksExtension } from "../../fixtures/schema-methods.ts";
import { readText } from "../deploy/repository.ts";

const directions: readonly Direction[] = [
  ...(["clientRequests", "clientNotifications"] as const),
  ...(["serverRequests", "serverNotifications"] as const),
];
const headings: Readonly<Record<Direction, string>> = {
  clientRequests: "Requests, client to server",
  clientNotifications: "Notifications, client to server",
  serverRequests: "Requests, server to client",
  serverNotifications: "Notifications, server to client",
};
const rows = listMethods();
const page = readText("docs/methods.md");

/** Cells of the rows of the table under a heading. */
function readTable(heading: string): string[][] {
  const [, section = ""] = page.split(`\n## ${heading}\n`);
  const [body = ""] = section.split("\n## ");
  const lines = body.split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(1).map((line) => line.slice(2, -2).split(" | "));
}

/** What a revision defines, the tasks extension with the revision that it extends. */
function definedIn(revision: Revision, direction: Direction): string[] {
  const extension = revision === "2026-07-28" ? tasksExtension[direction] : [];
  return [...schemaMethods[revision][direction], ...extension];
}

const cases = revisions.flatMap((revision) => directions.map((direction) => ({ revision, direction })));

describe("docs/methods.md and the schemas", () => {
  it.each(directions)("has every method of every revision, and no other: %s", (direction) => {
    const defined = new Set(revisions.flatMap((revision) => definedIn(revision, direction)));
    const table = readTable(headings[direction]);
    expect(table.map(([method = ""]) => method.replaceAll("`", "")).sort()).toEqual([...defined].sort());
    expect(table.flat().filter((cell) => cell.trim() === "")).toEqual([]);
  });

  it.each(cases)("is right about who defines what: $revision $direction", ({ revision, direction }) => {
    const listed = rows[direction].filter((row) => row.revisions.includes(revision));
    expect(listed.map(({ method }) => method).sort()).toEqual(definedIn(revision, direction).sort());
  });

  it("tells what the tasks extension adds", () => {
    for (const direction of directions) {
      const extended = rows[direction].filter(({ extension }) => extension).map(({ method }) => method);
      expect(extended.sort()).toEqual([...tasksExtension[direction]].sort());
    }
  });

  it.each(revisions)("lets every request of a client through that %s defines", (revision) => {
    const refused = definedIn(revision, "clientRequests").filter((method) => !findMethod(method, eraOf(revision)));
    expect(refused).toEqual([]);
  });

  it("is right about the eras of every request that the gateway knows", () => {
    for (const { method, revisions: defined } of rows.clientRequests) {
      expect([...new Set(defined.map(eraOf))].sort(), method).toEqual(
        [...(requestMethods.get(method)?.eras ?? [])].sort(),
      );
    }
  });
});

/** The part of a Zod schema that says which methods it is for. */
interface SchemaNode {
  readonly def: {
    readonly options?: readonly SchemaNode[];
    readonly shape?: Readonly<Record<string, SchemaNode>>;
    readonly values?: readonly unknown[];
  };
}

/** Literals that a schema, or the options of a union, want as `method`. */
function literalsOf(schema: unknown): string[] {
  const { options, shape } = (schema as Partial<SchemaNode>)?.def ?? {};
  if (options !== undefined) return options.flatMap(literalsOf);
  return (shape?.method?.def.values ?? []).map(String);
}

describe("docs/methods.md and the schemas of the official SDKs", () => {
  const known = new Set(directions.flatMap((direction) => rows[direction].map(({ method }) => method)));
  const unionsOf = (schemas: Readonly<Record<string, unknown>>, suffix: string) => ({
    clientRequests: literalsOf(schemas[`ClientRequest${suffix}`]),
    clientNotifications: literalsOf(schemas[`ClientNotification${suffix}`]),
    serverRequests: literalsOf(schemas[`ServerRequest${suffix}`]),
    serverNotifications: literalsOf(schemas[`ServerNotification${suffix}`]),
  });
  const newest = { 1: unionsOf(sdk1, "Schema"), 2: unionsOf(sdk2, "") };

  it.each(directions)("version 1 has what 2025-11-25 has: %s", (direction) => {
    expect(newest[1][direction].sort()).toEqual(definedIn("2025-11-25", direction).sort());
  });

  it.each(directions)("version 2 has both eras, tasks aside: %s", (direction) => {
    const both = [...schemaMethods["2025-11-25"][direction], ...schemaMethods["2026-07-28"][direction]];
    const untasked = new Set(both.filter((method) => !method.includes("tasks/")));
    expect(newest[2][direction].sort()).toEqual([...untasked].sort());
  });

  it.each([
    ["1", sdk1],
    ["2", sdk2],
  ])("nothing that version %s has a schema for is missing", (_version, schemas) => {
    const methods = Object.values(schemas).flatMap(literalsOf);
    expect(methods.length).toBeGreaterThan(30);
    expect(methods.filter((method) => !known.has(method))).toEqual([]);
  });
});
