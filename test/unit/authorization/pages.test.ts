import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderAway, renderFailure } from "../../../src/authorization/federation/pages.ts";
import {
  pageHeaders,
  renderCode,
  renderConsent,
  renderLogin,
  renderProblem,
} from "../../../src/authorization/pages/pages.ts";

const asking = { name: "Client", host: "app.example.com", destination: "app.example.com", csrf: "token" };
const ways = { passwords: true, providers: [] };
const servers = [{ name: "alpha", scopes: ["read"] }];
const until = { idleMs: 86_400_000 * 30, account: "https://gateway.test/oauth/account", isAnybody: false };

describe("a page", () => {
  it("shows what strangers chose as text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const pages = [
          renderLogin({ ...asking, ways, servers, name: text, user: text, problem: text }),
          renderAway(text, `https://login.example.com/?${new URLSearchParams({ text })}`),
          renderFailure(text, text, text),
          renderCode({ ...asking, name: text, user: text, step: text, problem: text }),
          renderConsent({ ...asking, ...until, name: text, user: text, servers: [{ name: text, scopes: [text] }] }),
          renderProblem(text, text),
        ];
        for (const page of pages) {
          const empty = page.replaceAll(/>[^<]*</g, "><").replaceAll(/value="[^"]*"/g, "value");
          expect(empty).not.toMatch(/<script|\son\w+=|javascript:/i);
          expect(page.match(/<form/g)?.length ?? 0).toBeLessThan(2);
        }
      }),
    );
  });

  it.each([
    ["an element", "<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"],
    ["an end of an attribute", '" autofocus onfocus="', "&quot; autofocus onfocus=&quot;"],
    ["text from right to left", "moc.\u202egnp", "moc.�gnp"],
    ["what does not show", "a\u200bb\u0000c", "a�b�c"],
  ])("shows %s", (_what, text, shown) => {
    const login = renderLogin({ ...asking, ways, servers, name: text, user: text, problem: text });
    expect(login.split(shown)).toHaveLength(4);
    expect(login).not.toContain(text);
  });

  it("leads nowhere but to the gateway and the client", () => {
    const headers = pageHeaders(["https://app.example.com"]);
    const policy = headers["content-security-policy"] ?? "";
    expect(policy).toContain("form-action 'self' https://app.example.com;");
    for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"])
      expect(policy).toContain(rule);
    expect(policy).not.toContain("unsafe");
  });

  it("has labels for what is typed, and says what is wrong", () => {
    const said = { ...asking, ways, servers, user: "ann", problem: "No." };
    for (const page of [renderLogin(said), renderCode({ ...said, step: "proof" })]) {
      for (const [, id] of page.matchAll(/<input id="(\w+)"/g)) expect(page).toContain(`<label for="${id}">`);
      expect(page).toContain('<p role="alert">No.</p>');
      expect(page).toContain('value="ann"');
    }
  });

  it.each([
    [86_400_000 * 30, "30 days"],
    [86_400_000, "1 day"],
    [3_600_000 * 8, "8 hours"],
    [90_000, "1 minute"],
  ])("says for how long a consent of %d ms is, and where its user ends it", (idleMs, said) => {
    const page = renderConsent({ ...asking, ...until, idleMs, user: "ann", servers });
    expect(page).toContain(`That ends ${said} after its last use, a year from now`);
    expect(page).toContain(`<code>${until.account}</code>`);
  });

  it("says of a client without a host that it vouches for itself", () => {
    expect(renderLogin({ ...asking, ways, servers, host: null, user: "", problem: null })).toContain("only its name");
  });

  it("says at a button what pressing it agrees to, and has no password field where there are no passwords", () => {
    const providers = [{ name: "corp", label: "Corp <i>" }];
    const page = renderLogin({ ...asking, servers, ways: { passwords: false, providers }, user: "", problem: null });
    const [before = "", after = ""] = page.split('value="with:corp"');
    for (const word of ["Client", "app.example.com", "alpha", "<code>read</code>"]) expect(before).toContain(word);
    expect(after).toContain("Corp &lt;i&gt;");
    expect(after).toContain('value="cancel"');
    expect(page).not.toContain('name="password"');
  });
});
