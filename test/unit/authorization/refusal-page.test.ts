import { expect, it } from "vitest";
import { isForPeople, renderRefusalPage } from "../../../src/authorization/pages/refusal-page.ts";
import { Denial, renderDenial } from "../../../src/denial.ts";

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

it.each([
  ["/oauth/authorize", browser, true],
  ["/oauth/authorize/aB3_-", browser, true],
  ["/oauth/login/aB3_-", browser, true],
  ["/oauth/login/aB3_-", "Text/HTML", true],
  ["/oauth/login/aB3_-", "application/json, text/html", true],
  ["/oauth/login/aB3_-", "application/json, text/html;q=0.5", false],
  ["/oauth/login/aB3_-", "application/problem+json, text/html; q=0.9", false],
  ["/oauth/login/aB3_-", "text/html;q=0", false],
  ["/oauth/login/aB3_-", "text/html;q=x", false],
  ["/oauth/login/aB3_-", "*/*", false],
  ["/oauth/login/aB3_-", undefined, false],
  ["/oauth/token", browser, false],
  ["/oauth/login/a/b", browser, false],
  ["/alpha/mcp", browser, false],
])("%s with Accept %j is for people: %s", (path, accept, expected) => {
  expect(isForPeople(path, accept)).toBe(expected);
});

it.each([
  [12_001, "Try again in 13 seconds."],
  [1_000, "Try again in 1 second."],
  [3_000_000, "Try again in 50 minutes."],
])("says when to try again after %i ms", (retryAfterMs, words) => {
  const denial = new Denial("address_limited", { retryAfterMs, detail: "192.0.2.1 asked too often" });
  const rendered = renderDenial(denial, { requestId: "r-1", mcp: false });
  const { status, headers, body } = renderRefusalPage(denial, rendered, "r-1");
  expect([status, headers["retry-after"]]).toEqual([429, rendered.headers["retry-after"]]);
  expect(body).toContain(`Too many requests from this address. ${words} (address_limited, request r-1)`);
  expect(body).not.toContain("192.0.2.1");
});
