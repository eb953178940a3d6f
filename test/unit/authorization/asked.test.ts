import { expect, it } from "vitest";
import { adaptTarget, readDemand } from "../../../src/authorization/asked.ts";

it.each([
  ["no scope", "client_id=a", "client_id=a&scope=mcp"],
  [
    "the one way of answering",
    "scope=mcp&response_type=code&response_mode=query",
    "scope=mcp&response_type=code&response_mode=query",
  ],
  [
    "another way of answering",
    "scope=mcp&response_type=code&response_mode=form_post",
    "scope=mcp&response_type=code&response_mode=unsupported",
  ],
  [
    "two ways of answering",
    "scope=mcp&response_type=code&response_mode=query&response_mode=fragment",
    "scope=mcp&response_type=code&response_mode=unsupported",
  ],
  [
    "an answer that is none of ours",
    "scope=mcp&response_type=token&response_mode=form_post",
    "scope=mcp&response_type=unsupported&response_mode=unsupported",
  ],
  ["another scope", "scope=read", "scope=read+mcp"],
  ["the scope that there is to begin with", "scope=mcp+read", "scope=mcp+read"],
  ["two", "scope=a&scope=b", "scope=a&scope=b"],
  ["a sort of login", "scope=mcp&acr_values=mfa&max_age=5", "scope=mcp&sallyport_acr=mfa&sallyport_max_age=5"],
  ["the same of OpenID", "scope=openid+mcp&max_age=5", "scope=openid+mcp&max_age=5&sallyport_max_age=5"],
  ["two of one", "scope=mcp&max_age=5&max_age=6", "scope=mcp&max_age=5&max_age=6"],
])("hands on a request with %s", (_what, query, adapted) => {
  expect(adaptTarget(`/oauth/authorize?${query}`)).toBe(`/oauth/authorize?${adapted}`);
});

it.each(["/oauth/token?scope=a", "/oauth/authorize", "/oauth/authorize/uid?scope=a"])(
  "leaves %s as it is",
  (target) => {
    expect(adaptTarget(target)).toBe(target);
  },
);

it.each<[Record<string, unknown>, boolean, number | null]>([
  [{}, false, null],
  [{ sallyport_acr: "phr mfa" }, true, null],
  [{ sallyport_acr: "phr" }, false, null],
  [{ sallyport_max_age: "300" }, false, 300_000],
  [{ sallyport_max_age: "0" }, false, 0],
  [{ sallyport_max_age: "-1" }, false, 0],
  [{ sallyport_max_age: "soon" }, false, 0],
])("reads %j", (params, mfa, maxAgeMs) => {
  expect(readDemand(params)).toEqual({ mfa, maxAgeMs });
});
