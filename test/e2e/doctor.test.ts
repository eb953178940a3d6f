/** The doctor at gateways that run: what it finds, which line it names, and what it leaves behind. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { openConfig } from "../../src/config/open.ts";
import { readAudit, until } from "../golden/observe.ts";
import { command, password, setLogin, trust } from "./login-world.ts";
import { type Setting, set } from "./setting.ts";

interface Said {
  readonly client: string | null;
  readonly step: string;
  readonly outcome: string;
  readonly message: string;
  readonly path?: string;
  readonly line?: number;
  readonly hint?: string;
}

/** @param input what is typed, such as a password, or what is done about what was said */
async function examine(
  setting: Setting,
  input: Parameters<typeof command>[1],
  ...args: string[]
): Promise<{ code: unknown; steps: Said[] }> {
  const { code, said } = await command(setting, input, "doctor", "login", "--json", ...args);
  const steps = said.split("\n").filter((line) => line.startsWith("{"));
  return { code, steps: steps.map((line) => JSON.parse(line) as Said) };
}

const outcomes = (steps: readonly Said[], name: string | null) =>
  steps.filter(({ client }) => client === name).map(({ step, outcome }) => `${step} ${outcome}`);

it("logs in as every client does where all is well, shows no secret, and leaves nothing behind", async () => {
  const origins = ["http://localhost:6274"];
  // Nothing is fetched from the Internet.
  const configOverrides = { network: { origins }, listen: { hosts: ["localhost"] } };
  const setting = await setLogin({ clientHosts: [] }, { configOverrides });
  const { caFile, publicUrl } = setting.gateway;
  const { code, steps } = await examine(setting, `${password}\n`, "--ca", caFile, "--user", "ann");
  expect(steps.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  expect(code).toBe(0);
  const known = ["resource-metadata ok", "authorization-server ok", "pkce ok", "registration ok"];
  const end = ["login ok", "token ok", "refresh ok", "call ok"];
  expect(outcomes(steps, null)).toEqual(["connect ok", "challenge ok", "clean-up ok"]);
  for (const [name, more] of [
    ["claude-code", ["authorize ok"]],
    ["cursor", ["authorize ok", "authorize ok", "authorize ok"]],
    ["vscode", ["authorize ok", "authorize ok"]],
    ["chatgpt", ["authorize ok", "authorize ok"]],
    ["inspector", ["authorize ok", "authorize ok", "cors ok"]],
  ] as const) {
    expect(outcomes(steps, name), name).toEqual([...known, ...more, ...end]);
  }
  expect(JSON.stringify(steps)).not.toMatch(/eyJ|correct horse/);
  expect((await command(setting, "", "grant", "list")).said).toBe("there are no grants\n");
  expect((await command(setting, "", "session", "list", "--json")).said).not.toContain("ann");
  const revoked = await until("the clean-up on record", async () => {
    const acts = (await readAudit(setting.gateway)).filter(({ note }) => note?.action === "client.revoke");
    return acts.length === 5 ? acts : undefined;
  });
  const acts = (await readAudit(setting.gateway))
    .filter(({ event }) => event === "auth")
    .map(({ note }) => note?.action);
  // One login does for all, and each of them is consented to.
  expect([acts.filter((act) => act === "login").length, acts.filter((act) => act === "consent").length]).toEqual([
    1, 5,
  ]);
  expect(revoked.map(({ note }) => note?.reason)).toEqual(Array(5).fill("sallyport doctor"));
  // What it registered nobody can use.
  const client = String(revoked[0]?.note?.client);
  const query = `client_id=${client}&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback`;
  const answer = await (await trust(setting))(`${publicUrl}/oauth/authorize?${query}`);
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("invalid_client")]);

  const one = ["--ca", caFile, "--client", "cursor"];
  const wrong = await examine(setting, "not her password", ...one, "--user", "ann");
  expect(wrong.code).toBe(1);
  expect(wrong.steps.find(({ step }) => step === "login")).toMatchObject({
    outcome: "problem",
    message: "User name or password is not right.",
  });
  const url = `${publicUrl.replace("127.0.0.1", "localhost")}/alpha/mcp`;
  const other = await examine(setting, "", ...one, "--url", url);
  expect(other.steps.at(-1)).toMatchObject({ step: "challenge", outcome: "problem", path: "publicUrl" });
});

it("names the line where clients are not let in, and goes on to what else there is", async () => {
  const login = { registration: false, clientHosts: ["other.example"] };
  const setting = await setLogin(login);
  const { code, steps } = await examine(setting, "");
  expect(code).toBe(1);
  const { yaml } = await openConfig(setting.gateway.configFile);
  const problems = steps.filter(({ outcome }) => outcome === "problem");
  expect(problems.map(({ client, step, path }) => [client, step, path])).toEqual([
    [null, "connect", "listen.tls.cert"],
    ["claude-code", "registration", "identity.builtin.login.clientHosts"],
    ["cursor", "registration", "identity.builtin.login.registration"],
    ["vscode", "registration", "identity.builtin.login.clientHosts"],
    ["chatgpt", "registration", "identity.builtin.login.clientHosts"],
    ["inspector", "registration", "identity.builtin.login.registration"],
  ]);
  expect(problems[0]?.line).toBe(yaml.lineOf(["listen", "tls", "cert"]));
  expect(problems[2]?.line).toBe(yaml.lineOf(["identity", "builtin", "login", "registration"]));

  const { child } = setting.gateway;
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await command(setting, "", "doctor", "login")).toMatchObject({
    code: 2,
    said: expect.stringContaining("start the gateway"),
  });
});

it("says what an identity provider lacks, and that its tokens are for something else", async () => {
  const provider = await startProvider();
  const { issuer } = provider;
  const setting = await set({ configOverrides: { identity: { issuers: { corp: { issuer } } } } });
  const args = ["--ca", setting.gateway.caFile, "--client", "claude-code"];
  const bare = await examine(setting, "", ...args);
  expect(bare.code).toBe(1);
  const found = bare.steps.filter(({ step }) => step === "issuer");
  expect(found.map(({ outcome, message, path }) => [outcome, message, path])).toEqual([
    ["ok", expect.stringContaining("corp: "), undefined],
    ["problem", expect.stringContaining("insist on S256"), "identity.issuers.corp.issuer"],
    ["warning", expect.stringContaining("no registration_endpoint"), "identity.issuers.corp.issuer"],
  ]);
  const known = ["resource-metadata ok", "authorization-server ok"];
  expect(outcomes(bare.steps, "claude-code")).toEqual([...known, "pkce problem"]);

  provider.says({ code_challenge_methods_supported: ["S256"] });
  const closed = await examine(setting, "", ...args);
  expect(closed.steps.at(-1)).toMatchObject({
    ...{ step: "registration", outcome: "problem", path: "identity.issuers.corp.issuer" },
    hint: expect.stringContaining("identity.builtin.login"),
  });

  provider.says({ code_challenge_methods_supported: ["S256"], registration_endpoint: `${issuer}/register` });
  let opened = "";
  const visit = (said: string) => {
    const [url] = /^http:.*$/m.exec(said) ?? [];
    if (url === undefined || opened !== "") return undefined;
    opened = url;
    // The provider sends a browser right back, to where the doctor waits.
    void fetch(url);
    return undefined;
  };
  const { steps } = await examine(setting, visit, ...args, "--login");
  const end = ["authorize ok", "login ok", "token problem", "call problem"];
  expect(outcomes(steps, "claude-code")).toEqual([...known, "pkce ok", "registration ok", ...end]);
  expect(steps.find(({ step }) => step === "token")).toMatchObject({
    message: `aud is api://gateway, expected ${setting.gateway.publicUrl}/alpha/mcp`,
    path: "identity.issuers.corp.audience",
  });
  expect(steps.at(-1)).toMatchObject({
    step: "clean-up",
    outcome: "warning",
    message: expect.stringContaining("stays"),
  });
});

/** An identity provider that is found where OpenID Connect alone has it, and says yes to everybody. */
async function startProvider() {
  let more: object = {};
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", issuer);
    const body = await text(request);
    const claims = { iss: issuer, aud: "api://gateway", sub: "ann", exp: 4e9, iat: 1e9 };
    const answers: Record<string, () => object> = {
      "/tenant/.well-known/openid-configuration": () => ({
        ...{ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
        ...more,
      }),
      "/tenant/register": () => ({ ...JSON.parse(body), client_id: "c" }),
      "/tenant/token": () => ({ access_token: `${encode({ alg: "ES256" })}.${encode(claims)}.c2ln` }),
    };
    if (url.pathname === "/tenant/authorize") {
      const back = new URL(url.searchParams.get("redirect_uri") ?? "");
      back.search = String(new URLSearchParams({ code: "c", state: url.searchParams.get("state") ?? "" }));
      return response.writeHead(302, { location: back.href }).end();
    }
    const answer = answers[url.pathname];
    return response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer?.()));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tenant`;
  return {
    issuer,
    /** What it announces besides. */
    says(members: object) {
      more = members;
    },
  };
}
