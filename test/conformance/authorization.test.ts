import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { renderAuthorization, runAuthorization } from "./authorization.ts";
import { listAuthorization, listSuites, type Suite } from "./suite.ts";

test("the gateway passes every scenario of the suite for authorization servers, and the report says so", async () => {
  const newest = (await listSuites()).at(-1) as Suite;
  const { server, client } = await listAuthorization(newest);
  const run = await runAuthorization(newest);
  expect([...run.keys()].sort()).toEqual(server.toSorted());
  expect([...run.values()].flat().filter(({ status }) => status !== "SUCCESS")).toEqual([]);
  const page = await readFile(new URL("../../docs/conformance.md", import.meta.url), "utf8");
  expect(page).toContain(renderAuthorization(newest.version, run, client));
});
