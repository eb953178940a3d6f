/** A second factor: set up with a command, asked for after the password, and said in tokens. */
import { decodeJwt } from "jose";
import { expect, it, onTestFinished } from "vitest";
import { codeAt, counterAt, encodeBase32 } from "../../src/auth/users/totp.ts";
import { readAudit } from "../golden/observe.ts";
import { asPage, asTarget, goOn, openBrowser } from "./browser.ts";
import { clients, createWallet, enabled, password, readBase32, trust, user } from "./login-world.ts";
import { set } from "./setting.ts";

it("asks for a code after the password, takes it once, and says so in the token", async () => {
  const setting = await set(enabled);
  await user(setting, password, "add", "ann", "--groups", "all", "--permanent");
  const { code, said } = await user(setting, "", "totp", "ann", "--json");
  expect(code).toBe(0);
  const { secret, uri, recoveryCodes } = JSON.parse(said) as { secret: string; uri: string; recoveryCodes: string[] };
  expect(uri).toContain(`secret=${secret}&`);
  expect(encodeBase32(readBase32(secret))).toBe(secret);
  const fetch = await trust(setting);
  const { kept, provider } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const first = clients.v2(url, fetch, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  const start = String(kept.url);

  const browser = openBrowser(fetch, setting.gateway.publicUrl);
  const login = asPage(await browser.open(start));
  const wrong = asPage(await browser.submit(login, { user: "ann", password: "wrong", do: "login" }));
  expect(wrong.html).toContain("User name or password is not right.");
  expect(wrong.html).not.toContain('name="code"');
  const forged = asPage(
    await browser.submit(wrong, { user: "ann", step: "x", code: recoveryCodes[0] ?? "", do: "code" }),
  );
  expect(forged.html).toContain("User name or password is not right.");
  const asking = asPage(await browser.submit(forged, { user: "ann", password, do: "login" }));
  expect([asking.status, asking.html]).toEqual([200, expect.stringContaining('name="code"')]);
  const missed = asPage(await browser.submit(asking, { code: "not a code", do: "code" }));
  expect([missed.status, missed.html]).toEqual([403, expect.stringContaining("The code is not right")]);
  // Of the step after this one: whenever this test runs, it is good for as long.
  const right = codeAt(readBase32(secret), counterAt(Date.now()) + 1);
  const told = await browser.submit(missed, { code: right, do: "code" });
  const consent = asPage(await goOn(browser, told));
  await first.finish(asTarget(await browser.submit(consent, { do: "allow" })).searchParams);
  const second = clients.v2(url, fetch, provider);
  await second.connect();
  onTestFinished(() => second.client.close());
  expect(decodeJwt(kept.tokens?.access_token ?? "")).toMatchObject({
    acr: "mfa",
    amr: ["pwd", "otp", "mfa"],
    auth_time: expect.any(Number),
  });

  const again = openBrowser(fetch, setting.gateway.publicUrl);
  const passed = asPage(await again.submit(asPage(await again.open(start)), { user: "ann", password, do: "login" }));
  const replayed = asPage(await again.submit(passed, { code: right, do: "code" }));
  expect(replayed.status).toBe(403);
  const entered = asPage(await again.submit(replayed, { code: recoveryCodes[0] ?? "", do: "code" }));
  expect(entered.html).toContain("<h1>Allow access?</h1>");

  const third = openBrowser(fetch, setting.gateway.publicUrl);
  const passedToo = asPage(await third.submit(asPage(await third.open(start)), { user: "ann", password, do: "login" }));
  expect(asPage(await third.submit(passedToo, { code: recoveryCodes[0] ?? "", do: "code" })).status).toBe(403);
  const notes = (await readAudit(setting.gateway)).filter(({ event }) => event === "auth").map(({ note }) => note);
  const act = { action: "login", user: "ann" };
  expect(notes).toContainEqual(expect.objectContaining({ ...act, successful: false, reason: "code_wrong" }));
  expect(notes).toContainEqual(expect.objectContaining({ ...act, successful: true, factor: "totp" }));
  expect(notes).toContainEqual(expect.objectContaining({ ...act, successful: true, factor: "recovery" }));
});

it("is set up once its owner has shown that the app works, and taken away", async () => {
  const setting = await set(enabled);
  await user(setting, password, "add", "ann", "--permanent");
  const failed = await user(setting, "000\n111\n222\n", "totp", "ann");
  expect(failed).toMatchObject({ code: 2, said: expect.stringContaining("nothing was changed") });
  expect(failed.said).not.toContain("recovery codes");
  const listed = async () => (await user(setting, "", "list")).said;
  expect(await listed()).toBe("ann\n");
  const confirmed = await user(
    setting,
    (said) => {
      const [, secret] = /^secret.*: ([A-Z2-7]+)$/m.exec(said) ?? [];
      return secret && `${codeAt(readBase32(secret), counterAt(Date.now()))}\n`;
    },
    ...["totp", "ann"],
  );
  expect(confirmed).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^otpauth:.*(?:\n[a-z2-7]{4}(?:-[a-z2-7]{4}){5}){10}\n/s),
  });
  expect(await listed()).toBe("ann; second factor\n");
  expect(await user(setting, "", "totp", "ann", "--yes")).toMatchObject({
    code: 2,
    said: expect.stringContaining("--remove"),
  });
  expect(await user(setting, "", "totp", "ann", "--remove")).toMatchObject({ code: 0 });
  expect(await listed()).toBe("ann\n");
  expect(await user(setting, "", "totp", "ann", "--remove")).toMatchObject({ code: 2 });
  expect(await user(setting, "", "totp", "bob", "--yes")).toMatchObject({
    code: 2,
    said: expect.stringContaining("no user bob"),
  });
});
