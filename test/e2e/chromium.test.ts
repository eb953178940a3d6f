/** People log in with a real browser, and official clients get their tokens by it. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeAt, counterAt } from "../../src/auth/users/totp.ts";
import { hasChromium, startChromium } from "../fixtures/chromium.ts";
import { until } from "../golden/observe.ts";
import {
  listen,
  openClient,
  openWindow,
  press,
  publishMetadata,
  startCallback,
  typeCode,
  typeLogin,
} from "./chromium-world.ts";
import { clients, command, createWallet, readBase32, setLogin, trust, user } from "./login-world.ts";

const policyYaml = `version: 1
roles:
  everybody:
    allow:
      - { server: alpha, tools: [echo] }
      - { server: alpha, tools: [pay], require: { scopes: ["billing:write"], acr: [mfa], maxAge: 5m } }
bindings:
  - { roles: [everybody], groups: [all] }
`;

let chromium: Browser;
beforeAll(async () => {
  if (hasChromium) chromium = await startChromium();
});
afterAll(() => chromium?.close());

describe.skipIf(!hasChromium)("in Chromium, where the machine has one", () => {
  it.each(["v1", "v2"] as const)(
    "a client of SDK %s, registered or known by its document, logs in, calls, refreshes, steps up, and is revoked",
    async (sdk) => {
      // Of any port, as Claude Code has it.
      const document = { client_name: "Published client", redirect_uris: ["http://127.0.0.1/callback"] };
      const published = await publishMetadata({ ...document, token_endpoint_auth_method: "none" });
      const setting = await setLogin(
        { clientHosts: ["localhost"], insideHosts: ["localhost"] },
        { policyYaml, env: { NODE_EXTRA_CA_CERTS: published.caFile } },
      );

      const registered = await openClient(chromium, setting, sdk, {});
      await registered.meetUser();
      expect(await registered.page.locator("main").innerText()).toContain("Test client, a client that says of itself");
      await typeLogin(registered.page, "ann");
      await registered.consent();
      await registered.call("echo");
      await registered.refresh();
      await registered.call("echo");

      const { said } = await user(setting, "", "totp", "ann", "--json");
      const { secret, recoveryCodes } = JSON.parse(said) as { secret: string; recoveryCodes: readonly string[] };
      await registered.stepUp("pay");
      await typeLogin(registered.page, "");
      await typeCode(registered.page, codeAt(readBase32(secret), counterAt(Date.now()) + 1));
      await registered.page.getByText("A second factor was set up for you").waitFor();
      await press(registered.page, "Go on");
      await registered.page.getByText("billing:write").waitFor();
      await registered.consent();
      await registered.call("pay");

      const described = await openClient(chromium, setting, sdk, { clientMetadataUrl: published.url });
      await described.meetUser();
      expect(await described.page.locator("main").innerText()).toContain("Published client, a client of localhost");
      await typeLogin(described.page, "ann");
      await typeCode(described.page, recoveryCodes[0] ?? "");
      await described.consent();
      expect(described.clientId()).toBe(published.url);
      expect(published.asked()).toBe(1);
      await described.refresh();
      await described.stepUp("pay");
      await described.page.getByText("billing:write").waitFor();
      await described.consent();
      await described.call("pay");

      expect(await command(setting, "", "revoke", "user", "ann")).toMatchObject({ code: 0 });
      for (const { call, meetUser, page, complaints } of [registered, described]) {
        const refused = await until("the client to be refused", () => call("echo").then(() => undefined, String));
        expect(refused).toMatch(/unauthorized/i);
        await meetUser();
        await page.getByRole("heading", { name: "Log in" }).waitFor();
        expect(complaints).toEqual([]);
      }
    },
  );

  it("has pages that work without scripts and a mouse, say what they are, and cannot be framed", async () => {
    const setting = await setLogin();
    const fetch = await trust(setting);
    const callback = await startCallback();
    const { kept, provider } = createWallet(callback.url);
    const first = clients.v2(new URL(`${setting.gateway.publicUrl}/alpha/mcp`), fetch, provider);
    await expect(first.connect()).rejects.toThrow(/unauthorized/i);
    const start = String(kept.url);

    const { context, page, complaints } = await openWindow(chromium, { javaScriptEnabled: false });
    const cdp = await context.newCDPSession(page);
    /** What a screen reader is told: role and name of everything that has one. */
    const listAccessible = async () => {
      const { nodes } = await cdp.send("Accessibility.getFullAXTree");
      const told = nodes.filter(({ ignored }) => !ignored);
      return told.map(({ role, name }) => `${role?.value}: ${name?.value}`);
    };
    await page.goto(start);
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(await listAccessible()).toEqual(
      expect.arrayContaining([
        "RootWebArea: Log in · Sallyport",
        "main: ",
        "heading: Log in",
        "textbox: User name",
        "textbox: Password",
        "button: Log in",
        "button: Cancel",
      ]),
    );
    await page.locator("#user:focus").waitFor();
    await page.keyboard.type("ann");
    await page.keyboard.press("Tab");
    await page.keyboard.type("not her password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    expect(await listAccessible()).toContain("alert: ");
    // The name is kept, and the password is where one goes on.
    await typeLogin(page, "");
    await page.getByRole("heading", { name: "Allow access?" }).waitFor();
    expect(await listAccessible()).toEqual(
      expect.arrayContaining(["RootWebArea: Allow access? · Sallyport", "button: Allow", "button: Deny"]),
    );
    for (const cookie of await context.cookies()) {
      expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", domain: "127.0.0.1" });
      expect(cookie.name).toMatch(/^__(?:Host|Secure)-sallyport/);
      expect(cookie.path === "/").toBe(cookie.name.startsWith("__Host-"));
    }
    expect((await context.cookies()).map(({ name }) => name)).toContain("__Host-sallyport");
    await press(page, "Allow");
    await page.waitForURL(`${callback.url}?**`);
    await first.finish(callback.params());
    // Chromium tells of the status of a page as of a fault.
    expect(complaints.filter((text) => !text.includes("status of 403"))).toEqual([]);

    const thief = await listen((_, response) => {
      const html = `<!doctype html><iframe src="${start.replaceAll("&", "&amp;")}"></iframe>`;
      response.writeHead(200, { "content-type": "text/html" }).end(html);
    });
    const other = await openWindow(chromium);
    await other.page.goto(thief.replace("127.0.0.1", "localhost"));
    await until("the frame to be refused", () => other.complaints.find((text) => text.includes("frame")));
    expect(other.page.frames().map((frame) => frame.url())).not.toContainEqual(expect.stringContaining("/oauth/"));
  });
});
