import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pageHeaders, renderConsent, renderLogin, renderProblem } from "../../../src/authorization/pages.ts";

const asking = { name: "Client", host: "app.example.com", destination: "app.example.com", csrf: "token" };

describe("a page", () => {
  it("shows what strangers chose as text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const pages = [
          renderLogin({ ...asking, name: text, user: text, problem: text }),
          renderConsent({ ...asking, name: text, user: text, servers: [{ name: text, scopes: [text] }] }),
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
    const login = renderLogin({ ...asking, name: text, user: text, problem: text });
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
    const page = renderLogin({ ...asking, user: "ann", problem: "No." });
    for (const [, id] of page.matchAll(/<input id="(\w+)"/g)) expect(page).toContain(`<label for="${id}">`);
    expect(page).toContain('<p role="alert">No.</p>');
    expect(page).toContain('value="ann"');
  });

  it("says of a client without a host that it vouches for itself", () => {
    expect(renderLogin({ ...asking, host: null, user: "", problem: null })).toContain("only its name");
  });
});
