/** People log in at the gateway, and MCP clients get their tokens by it. */
import { readFile } from "node:fs/promises";
import { decodeJwt } from "jose";
import { expect, it, onTestFinished } from "vitest";
import { readAudit, until } from "../golden/observe.ts";
import { asPage, asTarget, openBrowser } from "./browser.ts";
import { clients, command, createWallet, enabled, logIn, password, setLogin, trust, user } from "./login-world.ts";
import { set, withClock } from "./setting.ts";

it.each(["v1", "v2"] as const)(
  "the client of SDK %s registers, has its user log in and consent, and calls",
  async (sdk) => {
    const setting = await setLogin();
    const fetch = await trust(setting);
    const browser = openBrowser(fetch, setting.gateway.publicUrl);
    const { kept, provider } = createWallet();
    const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
    const first = clients[sdk](url, fetch, provider);
    await expect(first.connect()).rejects.toThrow(/unauthorized/i);
    if (kept.url === undefined) throw new Error("the client sent its user nowhere");

    const login = asPage(await browser.open(kept.url));
    expect(login.html).toContain("Test client");
    expect(login.html).toContain("a program on this computer");
    expect(login.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    const failed = asPage(await browser.submit(login, { user: "ann", password: "wrong", do: "login" }));
    expect([failed.status, failed.html]).toEqual([403, expect.stringContaining("not right")]);
    // In the wrong field: it must not get on record.
    expect(asPage(await browser.submit(failed, { user: password, password: "ann", do: "login" })).status).toBe(403);
    const consent = asPage(await browser.submit(failed, { user: "ann", password, do: "login" }));
    expect(consent.html).toContain("<strong>alpha</strong>");
    const callback = asTarget(await browser.submit(consent, { do: "allow" }));
    expect(callback.searchParams.get("iss")).toBe(setting.gateway.publicUrl);
    expect(callback.searchParams.get("state")).toBe("state-of-the-test");

    await first.finish(callback.searchParams);
    const second = clients[sdk](url, fetch, provider);
    await second.connect();
    onTestFinished(() => second.client.close());
    await second.client.callTool({ name: "echo", arguments: {} });
    const records = await readAudit(setting.gateway);
    expect(records.findLast(({ method }) => method === "tools/call")).toMatchObject({
      identity: { issuer: "builtin", subject: "ann", groups: ["all"] },
    });
    const acts = records.filter(({ event }) => event === "auth").map(({ note }) => note);
    expect(acts).toContainEqual(
      expect.objectContaining({ action: "login", user: "ann", successful: false, reason: "password_wrong" }),
    );
    expect(acts).toContainEqual(
      expect.objectContaining({ action: "login", unknown: expect.stringMatching(/^[\w-]{16}$/) }),
    );
    expect(acts).toContainEqual(expect.objectContaining({ action: "login", user: "ann", successful: true }));
    expect(acts).toContainEqual(expect.objectContaining({ action: "consent", user: "ann", successful: true }));
    expect(acts).toContainEqual(expect.objectContaining({ action: "token", user: "ann", successful: true }));
    const trail = await readFile(setting.gateway.auditFile, "utf8");
    for (const secret of [
      password,
      kept.tokens?.access_token ?? "",
      kept.tokens?.refresh_token ?? "",
      callback.searchParams.get("code") ?? "",
    ]) {
      expect(secret).not.toBe("");
      expect(trail).not.toContain(secret);
      expect(setting.log()).not.toContain(secret);
    }
  },
);

it.each(["v1", "v2"] as const)("the client of SDK %s gets its next token by itself", async (sdk) => {
  const setting = await setLogin({}, { nodeArgs: withClock });
  const { kept, call } = await logIn(setting, sdk);
  const first = kept.tokens?.access_token;
  setting.gateway.child.kill("SIGUSR2");
  await until("the first token to be over", async () => {
    await call();
    return kept.tokens?.access_token !== first || undefined;
  });
});

it.each(["v1", "v2"] as const)(
  "the client of SDK %s gets no further token once what it was given is revoked",
  async (sdk) => {
    const setting = await setLogin();
    const { kept, call } = await logIn(setting, sdk);
    const listed = JSON.parse((await command(setting, "", "grant", "list", "--json")).said) as {
      grants: { id: string }[];
    };
    expect(listed.grants).toMatchObject([
      { user: "ann", clientName: "Test client", scopes: { [`${setting.gateway.publicUrl}/alpha/mcp`]: "mcp" } },
    ]);
    expect(await command(setting, "", "revoke", "grant", "nobody-s")).toMatchObject({
      ...{ code: 0, said: expect.stringContaining("No grant has this id now") },
    });
    for (const [subject, said] of [
      ["bob", "revoked: user builtin bob\nNo user has this name"],
      ["corp:bob", "revoked: user builtin corp:bob\n"],
    ] as const) {
      const revoked = await command(setting, "", "revoke", "user", subject);
      expect(revoked).toMatchObject({ code: 0, said: expect.stringContaining(said) });
      expect(revoked.said.includes("No user")).toBe(said.includes("No user"));
    }
    const client = decodeJwt(kept.tokens?.access_token ?? "").client_id as string;
    expect((await command(setting, "", "grant", "list", "--client", client)).said).toContain(
      `ann to ${client} (Test client) since`,
    );
    expect(await command(setting, "", "revoke", "grant", "--", listed.grants[0]?.id ?? "")).toEqual({
      ...{ code: 0, said: `revoked: grant ${listed.grants[0]?.id}\n` },
    });
    await until("the grant's end on record", async () =>
      (await readAudit(setting.gateway)).find(({ note }) => note?.id === listed.grants[0]?.id),
    );
    await until("the grant to be over", async () =>
      call().then(
        () => undefined,
        (error: Error) => /unauthorized/i.test(error.message) || undefined,
      ),
    );
    const refused = (await readAudit(setting.gateway)).filter(({ note }) => note?.grant === "refresh_token");
    expect(refused.at(-1)?.note).toMatchObject({ successful: false, reason: "invalid_grant" });
  },
);

it("whoever is revoked has to log in again, in the browser as well, and may", async () => {
  const setting = await setLogin();
  const { call, browser, kept } = await logIn(setting, "v2");
  expect(await command(setting, "", "revoke", "user", "ann", "--reason", "lost laptop")).toMatchObject({ code: 0 });
  await until("the token to be void", async () =>
    call().then(
      () => undefined,
      () => true,
    ),
  );
  expect(asPage(await browser.open(kept.url ?? "")).html).toContain("<h1>Log in</h1>");
  const acts = await until(
    "the act on record",
    async () => (await readAudit(setting.gateway)).filter(({ note }) => note?.action === "user.revoke")[0],
  );
  expect(acts.note).toMatchObject({ issuer: "builtin", subject: "ann", reason: "lost laptop" });
  await logIn(setting, "v2");
});

it("a code and a refresh token are good once, and whoever comes again ends what they were for", async () => {
  const setting = await setLogin();
  const { kept, call } = await logIn(setting, "v2");
  const fetch = await trust(setting);
  const client = (kept as { client?: { client_id: string } }).client?.client_id ?? "";
  const refresh = async (token: string) => {
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: token, client_id: client });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await fetch(`${setting.gateway.publicUrl}/oauth/token`, {
      method: "POST",
      body: body.toString(),
      headers,
    });
    return { status: answer.status, said: (await answer.json()) as { refresh_token?: string; error?: string } };
  };
  const old = kept.tokens?.refresh_token ?? "";
  const twice = await Promise.all([refresh(old), refresh(old)]);
  expect(twice.map(({ status }) => status)).toEqual([200, 200]);
  expect(new Set(twice.map(({ said }) => said.refresh_token)).size).toBe(2);
  expect((await refresh("made-up")).said.error).toBe("invalid_grant");
  await call();
});

it.each([
  ["passwd --permanent", "vexing otter trims lamp"],
  ["passwd", ""],
  ["disable", ""],
])("`user %s` ends refresh tokens and logs browsers out", async (verb, input) => {
  const setting = await set(enabled);
  await user(setting, password, "add", "ann", "--groups", "all", "--permanent");
  const fetch = await trust(setting);
  const browser = openBrowser(fetch, setting.gateway.publicUrl);
  const { kept, provider } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const first = clients.v2(url, fetch, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  const authorize = kept.url ?? "";
  const consent = asPage(
    await browser.submit(asPage(await browser.open(authorize)), { user: "ann", password, do: "login" }),
  );
  await first.finish(asTarget(await browser.submit(consent, { do: "allow" })).searchParams);
  // Logged in, and asked anew about a client that any program could say it is.
  expect(asPage(await browser.open(authorize)).html).toContain("<h1>Allow access?</h1>");
  const { client_id } = provider.clientInformation() as { client_id: string };
  const refresh = async () => {
    const { refresh_token = "" } = kept.tokens ?? {};
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token, client_id });
    return (await fetch(`${setting.gateway.publicUrl}/oauth/token`, { method: "POST", body })).status;
  };
  expect(await refresh()).toBe(200);
  const second = clients.v2(url, fetch, provider);
  await second.connect();
  onTestFinished(() => second.client.close());
  const call = () => second.client.callTool({ name: "echo", arguments: {} });
  await call();
  expect(await user(setting, input, ...verb.split(" "), "ann")).toMatchObject({ code: 0 });
  await until("the token to be void", async () =>
    call().then(
      () => undefined,
      () => true,
    ),
  );
  expect(await refresh()).toBe(400);
  expect(asPage(await browser.open(authorize)).html).toContain("<h1>Log in</h1>");
});

it.each([
  ["api-keys", "sallyport key revoke"],
  ["certificates", "clientCrl"],
  ["corp", "there is no issuer"],
])("`revoke` does not say that it ended what it cannot: %s", async (issuer, words) => {
  const setting = await setLogin();
  const said = await command(setting, "", "revoke", "user", "ann", "--issuer", issuer);
  expect(said).toMatchObject({ code: 2, said: expect.stringContaining(words) });
});

it("gives tokens with the groups of now", async () => {
  const setting = await setLogin();
  const { kept, call } = await logIn(setting, "v2");
  const { client_id = "", groups } = decodeJwt(kept.tokens?.access_token ?? "") as {
    client_id?: string;
    groups: string[];
  };
  expect(groups).toEqual(["all"]);
  expect(await user(setting, "", "groups", "ann", "ops, on-call")).toEqual({
    code: 0,
    said: "ann is in ops, on-call\n",
  });
  await call();
  const fetch = await trust(setting);
  const renew = async () => {
    const body = new URLSearchParams({
      ...{ grant_type: "refresh_token", refresh_token: kept.tokens?.refresh_token ?? "", client_id },
    });
    const answer = await fetch(`${setting.gateway.publicUrl}/oauth/token`, { method: "POST", body });
    return decodeJwt(((await answer.json()) as { access_token: string }).access_token);
  };
  expect(await renew()).toMatchObject({ sub: "ann", groups: ["ops", "on-call"] });
  expect(await user(setting, "", "groups", "ann", "")).toEqual({ code: 0, said: "ann is in no group\n" });
  expect((await user(setting, "", "list")).said).toBe("ann\n");
  expect(await user(setting, "", "groups", "bob", "ops")).toMatchObject({
    code: 2,
    said: expect.stringContaining("no user bob"),
  });
  const deeds = (await readAudit(setting.gateway)).map(({ note }) => note);
  expect(deeds).toContainEqual(
    expect.objectContaining({ action: "user.groups", name: "ann", groups: ["ops", "on-call"] }),
  );
});

it("refuses a password that is guessed first, and says what to do", async () => {
  const setting = await set(enabled);
  expect(await user(setting, "Welcome2026!Welcome", "add", "ann", "--permanent")).toMatchObject({
    code: 2,
    said: expect.stringContaining("take a few words that have nothing to do with each other"),
  });
  expect((await user(setting, "", "list")).said).toBe("there are no users\n");
});
