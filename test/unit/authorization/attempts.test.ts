import { expect, it } from "vitest";
import { createDelay } from "../../../src/authorization/login/attempts.ts";
import { recognizeBrowser, rememberBrowser } from "../../../src/authorization/sessions/browsers.ts";
import { createMac } from "../../../src/crypto/mac.ts";
import { createCounters } from "../../../src/limits/counters.ts";
import { asPage, goOn } from "../../e2e/browser.ts";
import { logIn, openWorld, whereIs } from "./world.ts";

const minute = 60_000;
const addresses = Array.from({ length: 500 }, (_, at) => `198.51.${at >> 8}.${at & 255}`);

function open() {
  let nowMs = 0;
  const delay = createDelay(createCounters(null, () => nowMs));
  return {
    delay,
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** How often a user can be tried from everywhere, in the next minutes. */
    async flood(user: string, minutes: number): Promise<number> {
      let passed = 0;
      for (const endMs = nowMs + minutes * minute; nowMs < endMs; nowMs += minute) {
        for (const ip of addresses) passed += (await delay(user, ip, null)) === null ? 1 : 0;
      }
      return passed;
    },
  };
}

it("lets an address try one user ten times in five minutes, and all users fifty times", async () => {
  const { delay, pass } = open();
  const tries = async (user: string) => (await delay(user, "192.0.2.1", null)) === null;
  for (let turn = 0; turn < 10; turn += 1) expect(await tries("ann")).toBe(true);
  expect(await delay("ann", "192.0.2.1", null)).toBe(5 * minute);
  const others = await Promise.all(Array.from({ length: 60 }, (_, at) => tries(`user${at}`)));
  expect(others.filter((may) => may)).toHaveLength(39);
  expect(await delay("ann", "192.0.2.2", null)).toBeNull();
  pass(5 * minute);
  expect(await tries("ann")).toBe(true);
});

it("lets whoever has very many addresses try a user less and less", async () => {
  const { flood, pass } = open();
  expect(await flood("ann", 5)).toBe(20);
  expect(await flood("ann", 55)).toBe(40);
  expect(await flood("ann", 3 * 60)).toBe(140);
  expect(await flood("ann", 19 * 60)).toBe(0);
  pass(60 * minute);
  expect(await flood("ann", 5)).toBe(20);
});

it("lets a browser in that the user knows, whatever others do, though not for ever", async () => {
  const { delay, flood } = open();
  await flood("ann", 30);
  const place = addresses[0] ?? "";
  expect(await delay("ann", place, null)).toBeGreaterThan(0);
  for (let turn = 0; turn < 20; turn += 1) expect(await delay("ann", place, "home")).toBeNull();
  expect(await delay("ann", place, "home")).toBeGreaterThan(0);
  expect(await delay("ann", place, "work")).toBeNull();
});

const mac = createMac(new Uint8Array(32));
const fingerprint = (label: string, text: string) => mac(label, text).slice(0, 16);
const [known = ""] = rememberBrowser(fingerprint, "ann", "b0", 1_000).split(";");
const days = 86_400_000;

it.each<[string, string, string | undefined, number, string | null]>([
  ["of the user", "ann", known, 1_000, "b0"],
  ["among others", "ann", `a=1; ${known};b=2`, 1_000, "b0"],
  ["after half a year", "ann", known, 1_000 + 180 * days, null],
  ["of another user", "bob", known, 1_000, null],
  [
    "under the name of another user's",
    "bob",
    `${rememberBrowser(fingerprint, "bob", "", 0).split("=")[0]}=${known.split("=")[1]}`,
    1_000,
    null,
  ],
  ["with another time", "ann", known.replace(".1000.", ".2000."), 1_000, null],
  ["with another id", "ann", known.replace("=b0", "=b1"), 1_000, null],
  ["that is cut", "ann", known.slice(0, -1), 1_000, null],
  ["that is empty", "ann", known.replace(/=.*/, "="), 1_000, null],
  ["that is not there", "ann", undefined, 1_000, null],
])("knows a browser by a cookie %s, or does not", (_what, user, cookies, nowMs, id) => {
  expect(recognizeBrowser(fingerprint, user, cookies, nowMs)).toBe(id);
});

it("keeps its cookie from scripts and other hosts, and the user's name out of it", () => {
  const line = rememberBrowser(fingerprint, "ann@example.com", "b0", 1_000);
  expect(line).toMatch(/^__Host-[^;]*; Path=\/; Max-Age=15552000; Secure; HttpOnly; SameSite=Lax$/);
  expect(line).not.toContain("ann");
});

it("refuses, while a user is attacked, browsers that are new and not the one at home", async () => {
  const world = await openWorld();
  await world.addUser("ann");
  const home = world.browser();
  await logIn(home, await home.open(world.authorizeUrl("mcp")), "ann");
  for (const ip of addresses.slice(0, 3)) {
    const stranger = world.browser(ip);
    let page = await stranger.open(world.authorizeUrl("mcp"));
    // However they write her name.
    for (const name of ["ann", "Ann", " ANN "].flatMap((each) => [each, each, each]))
      page = await logIn(stranger, page, name, "wrong");
  }
  const elsewhere = world.browser("203.0.113.1");
  const refused = asPage(await logIn(elsewhere, await elsewhere.open(world.authorizeUrl("mcp")), "ann"));
  expect([refused.status, refused.html]).toEqual([429, expect.stringContaining("Too many attempts")]);
  const login = await home.open(world.authorizeUrl("mcp", { prompt: "login" }));
  expect(whereIs(await goOn(home, await logIn(home, login, "ann")))).toBe("Allow access?");
});
