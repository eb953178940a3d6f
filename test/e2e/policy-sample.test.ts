/** A sample of random policies and questions, put to a gateway over HTTP: it answers, and lists, as the plain reference says. */
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Target } from "../../src/mcp/methods.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { nobody, type PolicySubject } from "../../src/policy/facts.ts";
import { readPolicies } from "../../src/policy/load.ts";
import { startGateway } from "../fixtures/gateway.ts";
import { Dice, makeCircumstances, makeFiles, makeTarget, servers } from "../fixtures/policy-generator.ts";
import { decide, type FileData, type Given, type RuleData, type Tree } from "../fixtures/policy-reference.ts";
import { startRecorder } from "../fixtures/recorder.ts";
import { scrape, until } from "../golden/observe.ts";
import { createClient, type HttpAnswer } from "./http.ts";

const policies = Number(process.env.POLICY_SAMPLE ?? 10);
const letters = ["a", "b"];
const pairs = letters.flatMap((one) => letters.map((other) => one + other));
const names = [...letters, ...pairs, ...pairs.flatMap((pair) => letters.map((letter) => pair + letter))];
const uris = ["x://a/a", "x://a/b", "x://b/a", "x://b/ab"];
const templates = ["x://a/{v}", "x://{v}/a", "x://{v}", "x://b/{v}"];

const hintsOf = (name: string) => {
  if (name.startsWith("aa")) return { readOnlyHint: true };
  return name.startsWith("ab") ? { readOnlyHint: false } : {};
};

/** The lists of every server, and the member that names what is in them. */
const offers = {
  tool: ["tools/list", "tools", "name", names],
  prompt: ["prompts/list", "prompts", "name", names],
  resource: ["resources/list", "resources", "uri", uris],
  template: ["resources/templates/list", "resourceTemplates", "uriTemplate", templates],
} as const;

function answer(method: string): object {
  for (const [list, member, key, all] of Object.values(offers)) {
    if (method !== list) continue;
    const more = (name: string) =>
      member === "tools" ? { inputSchema: { type: "object" }, annotations: hintsOf(name) } : {};
    return { [member]: all.map((name) => ({ name, [key]: name, ...more(name) })) };
  }
  if (method === "prompts/get") return { messages: [] };
  return method === "resources/read" ? { contents: [] } : { content: [] };
}

/** Without what rests on the time, and limits, which count what was asked before. */
function steady(files: Record<string, FileData>): Record<string, FileData> {
  const keep = (rules: readonly RuleData[] = []) =>
    rules
      .filter(({ when = "", hours, from, until: to }) => !when.includes("now") && !hours && !from && !to)
      .map(({ limit: _, ...rule }) => rule);
  const entries = Object.entries(files).map(([file, { roles, bindings, ...rest }]) => {
    const kept = Object.entries(roles).map(([role, { allow, deny, ...more }]) => [
      role,
      { ...more, allow: keep(allow), deny: keep(deny) },
    ]);
    const lasting = bindings
      .filter(({ from, until: to }) => !from && !to)
      // The only issuer there is.
      .map((binding) => ({ ...binding, ...(binding.issuers && { issuers: ["builtin"] }) }));
    return [`policies/${file}`, { ...rest, roles: Object.fromEntries(kept), bindings: lasting }];
  });
  return Object.fromEntries(entries);
}

it("answers and lists as the reference says", async () => {
  const recorder = await startRecorder((_request, body, response) => {
    const { id, method } = JSON.parse(body.toString());
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: answer(method) }));
  });
  onTestFinished(() => recorder.stop());
  const patient = { limits: { address: { requests: 1_000_000 }, identity: { requests: 1_000_000 } } };
  const gateway = await startGateway({
    servers: Object.fromEntries(servers.map((name) => [name, recorder.url])),
    configOverrides: patient,
  });
  onTestFinished(async () => void (await gateway.stop()));
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= policies; seed++) {
    const dice = new Dice(seed);
    const conditions = new Map<string, Tree>();
    const files = steady(makeFiles(dice, conditions));
    const texts = Object.entries(files).map(([file, data]) => ({ file, text: JSON.stringify(data) }));
    const { hash } = compilePolicy(readPolicies(texts).sources, servers);
    const folder = join(gateway.directory, "policies");
    for (const old of await readdir(folder)) await rm(join(folder, old));
    for (const { file, text } of texts) await writeFile(join(gateway.directory, file), text);
    gateway.child.kill("SIGHUP");
    await until(`policy ${seed}`, async () => (await scrape(gateway)).includes(`{hash="${hash}"} 1`) || undefined);
    for (const server of servers) await askSome({ files, conditions, server }, dice, seed);
  }
  for (const kind of ["tool allow", "tool deny", "tool challenge", "prompt allow", "resource allow"])
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0);

  async function askSome(given: Pick<Given, "files" | "conditions" | "server">, dice: Dice, seed: number) {
    const { server } = given;
    const [name, groups] = [dice.one(["s1", "s2", "s3"]), dice.some(["g1", "g2", "g3"])];
    const token = await gateway.mint({ server, subject: name, groups });
    const client = await createClient(gateway, server, token);
    const subject = subjectOf(token, name, groups);
    const circumstances = { nowMs: Date.now(), ip: "127.0.0.1", call: null, annotationsOf: hintsOf };
    const said = (target: Target, call: Given["circumstances"]["call"]) =>
      decide({ ...given, subject, target, circumstances: { ...circumstances, call } }, false);
    for (const kind of ["tool", "prompt", "resource", "template"] as const) {
      const [method, member, key, all] = offers[kind];
      const { message } = await client.post({ id: 1, method });
      const listed = Object(message.result)[member] as Record<string, string>[] | undefined;
      const shown = all.filter((each) => said({ kind, name: each }, null).effect !== "deny");
      expect([seed, server, kind, listed?.map((each) => each[key]) ?? []]).toEqual([seed, server, kind, shown]);
    }
    for (let index = 0; index < 12; index++) {
      const target = makeTarget(dice);
      if (target.kind === "server" || target.kind === "template") continue;
      // A number that not all readers take for the same one is another test's.
      const args = Object.fromEntries(
        Object.entries(makeCircumstances(dice).call?.args ?? {}).filter(([, value]) => value !== 1e300),
      );
      const method = { tool: "tools/call", prompt: "prompts/get", resource: "resources/read" }[target.kind];
      const params = target.kind === "resource" ? { uri: target.name } : { name: target.name, arguments: args };
      const { effect, reason } = said(target, { method, args: target.kind === "resource" ? {} : args });
      const got = whatOf(await client.post({ id: 2, method, params }));
      const story = JSON.stringify({ seed, server, subject, target, args, files: given.files });
      expect({ story, got }).toEqual({ story, got: effect === "deny" ? nameOf(reason) : effect });
      seen.set(`${target.kind} ${effect}`, (seen.get(`${target.kind} ${effect}`) ?? 0) + 1);
    }
    await client.close();
  }
});

function subjectOf(token: string, subject: string, groups: readonly string[]): PolicySubject {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const { client_id: client = null, scope = "" } = claims;
  const scopes = scope === "" ? [] : scope.split(" ");
  return { ...nobody, issuer: "builtin", subject, client, groups, scopes, via: "jwt", claims };
}

function whatOf({ message }: HttpAnswer): string {
  if ("result" in message) return "allow";
  const reason = String(Object(Object(message.error).data).reason);
  return reason === "step_up_required" ? "challenge" : reason;
}

function nameOf(reason: string): string {
  return reason === "condition_failed" ? reason : "policy_denied";
}
