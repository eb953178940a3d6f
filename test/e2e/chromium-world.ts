/** A person at a Chromium, and clients that await their answer on this machine. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auth as authorizeV2 } from "@modelcontextprotocol/client";
import { auth as authorizeV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { ensureCertificates } from "../../src/quickstart/certificates.ts";
import { clients, createWallet, password, type Sdk, trust } from "./login-world.ts";
import type { Setting } from "./setting.ts";

const authorize = { v1: authorizeV1, v2: authorizeV2 };

/** A browser window with nothing in it, and everything that it complained of. */
export interface Window {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** Opens a window that was nowhere yet. Certificates of tests are of no authority that a browser knows. */
export async function openWindow(browser: Browser, options: BrowserContextOptions = {}): Promise<Window> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  onTestFinished(() => context.close());
  // As long as other waits of tests: a browser has much to do on a machine with other work.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => void complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => void complaints.push(error.message));
  return { context, page, complaints };
}

/** Where a client awaits its answers. */
export interface Callback {
  readonly url: string;
  /** What came last. */
  readonly params: () => URLSearchParams;
}

export async function startCallback(): Promise<Callback> {
  let last = "";
  const url = await listen((request, response) => {
    if (request.url?.startsWith("/callback?")) last = request.url;
    // A page may ask for more, such as an icon; it has none.
    response.writeHead(request.url === "/favicon.ico" ? 204 : 200, { "content-type": "text/plain" }).end("done");
  });
  return { url: `${url}/callback`, params: () => new URL(last, url).searchParams };
}

/** Serves something over plain http on 127.0.0.1. @returns its origin */
export async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Publishes what a client says of itself, at https://localhost. @returns its id, and who vouches for that host */
export async function publishMetadata(metadata: object): Promise<{ url: string; caFile: string; asked: () => number }> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-client-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const { ca, server: cert, serverKey } = await ensureCertificates(directory, new Date());
  let asked = 0;
  let url = "";
  const server = createTlsServer({ cert: await readFile(cert), key: await readFile(serverKey) }, (_, response) => {
    asked += 1;
    response.setHeader("content-type", "application/json").end(JSON.stringify({ client_id: url, ...metadata }));
  }).listen(0, "localhost");
  await once(server, "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  url = `https://localhost:${(server.address() as AddressInfo).port}/client.json`;
  return { url, caFile: ca, asked: () => asked };
}

/**
 * A client that knows nothing but the URL of the server, and a window in which its user answers for it.
 *
 * @param more of what it knows itself by
 */
export async function openClient(browser: Browser, setting: Setting, sdk: Sdk, more: object) {
  const callback = await startCallback();
  const fetch = await trust(setting);
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const { kept, provider: wallet } = createWallet(callback.url);
  const provider = { ...wallet, ...more };
  const { page, complaints } = await openWindow(browser);
  let current = clients[sdk](url, fetch, provider);
  await expect(current.connect()).rejects.toThrow(/unauthorized/i);
  const call = (name: string): Promise<unknown> => current.client.callTool({ name, arguments: {} });
  const meetUser = () => page.goto(String(kept.url));
  return {
    page,
    complaints,
    call,
    /** Sends the user to where they are asked. */
    meetUser,
    clientId: () => (provider.clientInformation() as { client_id: string }).client_id,
    /** The user says yes, and the client gets its tokens and connects with them. */
    async consent() {
      await press(page, "Allow");
      await page.waitForURL(`${callback.url}?**`);
      await current.finish(callback.params());
      current = clients[sdk](url, fetch, provider);
      await current.connect();
      const { client } = current;
      onTestFinished(() => client.close());
    },
    async refresh() {
      const { access_token, refresh_token } = kept.tokens ?? {};
      expect(await authorize[sdk](provider as never, { serverUrl: url, fetchFn: fetch })).toBe("AUTHORIZED");
      expect(kept.tokens?.access_token).not.toBe(access_token);
      expect(kept.tokens?.refresh_token).not.toBe(refresh_token);
    },
    /** Calls something that takes more than the client has, so that it asks for that. */
    async stepUp(tool: string) {
      // The first version would refresh where it should ask for more.
      if (sdk === "v1") delete kept.tokens?.refresh_token;
      await expect(call(tool)).rejects.toThrow(/unauthorized/i);
      expect(kept.url?.searchParams.get("scope")?.split(" ")).toContain("billing:write");
      await meetUser();
    },
  };
}

/** Types what the page asks for and presses Enter, without a mouse. */
export async function typeLogin(page: Page, user: string): Promise<void> {
  // The first field that is empty has the focus.
  if (user !== "") {
    await page.locator("#user:focus").waitFor();
    await page.keyboard.type(user);
    await page.keyboard.press("Tab");
  }
  await page.locator("#password:focus").waitFor();
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
}

/** Logs in as Ann on the page of passkeys, and adds that of the authenticator that is plugged in. */
export async function addPasskeyInWindow(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await typeLogin(page, "ann");
  await press(page, "Add a passkey");
  await page.getByLabel(/^What you call it/).waitFor();
  await page.keyboard.type("Chromium");
  await press(page, "Add a passkey");
  await page.getByRole("heading", { name: "The passkey was added" }).waitFor();
}

/** Types the code of a second factor. */
export async function typeCode(page: Page, code: string): Promise<void> {
  await page.getByLabel(/^Code/).and(page.locator(":focus")).waitFor();
  await page.keyboard.type(code);
  await page.keyboard.press("Enter");
}

/** Goes to the button that says so, by the Tab key alone, and presses it. */
export async function press(page: Page, name: string): Promise<void> {
  const button = page.getByRole("button", { name, exact: true });
  await button.waitFor();
  for (let steps = 0; steps < 10; steps += 1) {
    await page.keyboard.press("Tab");
    if (await button.evaluate((element) => element === element.ownerDocument.activeElement)) {
      await page.keyboard.press("Enter");
      return;
    }
  }
  expect.fail(`Tab does not lead to ${name}`);
}

/** An authenticator of the browser itself, which shows who its owner is without asking. It is moved with what it keeps. */
export async function plugIn(first: Page) {
  const plug = async (page: Page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("WebAuthn.enable");
    const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        ...{ protocol: "ctap2", transport: "internal", hasResidentKey: true },
        ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
      },
    });
    return { session, authenticatorId };
  };
  let at = await plug(first);
  return {
    unplug: () => at.session.detach(),
    async moveTo(page: Page) {
      const { credentials } = await at.session.send("WebAuthn.getCredentials", { authenticatorId: at.authenticatorId });
      await at.session.detach();
      at = await plug(page);
      const { authenticatorId } = at;
      for (const credential of credentials)
        await at.session.send("WebAuthn.addCredential", { authenticatorId, credential });
    },
  };
}
