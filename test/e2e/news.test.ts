/** People hear on the pages what happened to their login, also where a command did it beside the gateway that runs. */
import { expect, it } from "vitest";
import { asPage, goOn, openBrowser } from "./browser.ts";
import { command, password, setLogin, trust, user } from "./login-world.ts";

it("somebody hears at their next login what operators did to it with commands, and who tried to get in", async () => {
  const setting = await setLogin();
  const fetch = await trust(setting);
  const { publicUrl } = setting.gateway;
  const enter = async (typed: string) => {
    const browser = openBrowser(fetch, publicUrl);
    const login = asPage(await browser.open(`${publicUrl}/oauth/account`));
    return { browser, place: await browser.submit(login, { user: "ann", password: typed, do: "login" }) };
  };
  for (let tries = 0; tries < 3; tries += 1) await enter("wrong");
  expect((await user(setting, "", "list")).said).toMatch(
    /^ann \(all\); 3 failed attempts, the last at 20\S+Z from 127\.0\.0\.1\n$/,
  );
  for (const words of [
    ["totp", "ann", "--json"],
    ["totp", "ann", "--remove"],
    ["disable", "ann"],
    ["enable", "ann"],
  ])
    expect(await user(setting, "", ...words)).toMatchObject({ code: 0 });
  expect(await command(setting, "", "revoke", "user", "ann")).toMatchObject({ code: 0 });
  expect(await user(setting, password, "passwd", "ann", "--permanent")).toMatchObject({ code: 0 });

  const { browser, place } = await enter(password);
  const notice = asPage(place);
  const lines = [...notice.html.matchAll(/<li>([^<,]+?)(?:,| failed)/g)].map(([, text]) => text);
  expect(lines).toEqual([
    "3 attempts to log in with your name",
    "There was a login with a browser that you had not used before",
    "Your password was changed",
    "All your logins were ended",
    "All your logins were ended",
    "Your second factor was taken away",
    "A second factor was set up for you",
  ]);
  const own = asPage(await goOn(browser, notice));
  expect(own.html).toContain("<h2>What happened lately</h2>");
  expect(own.html).toContain("3 attempts");
  expect(asPage((await enter(password)).place).html).toContain("<h1>Your account</h1>");
  const { users } = JSON.parse((await user(setting, "", "list", "--json")).said) as { users: object[] };
  expect(users).toEqual([
    expect.objectContaining({
      ...{ name: "ann", temporaryUntil: null },
      failed: { count: 3, last: expect.stringMatching(/Z$/), from: "127.0.0.1" },
    }),
  ]);
});
