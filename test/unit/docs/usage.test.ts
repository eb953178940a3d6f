import { describe, expect, it } from "vitest";
import { findUsageFault } from "./usage.ts";

describe("command lines against --help", () => {
  it.each([
    "sallyport",
    "sallyport -c other.yaml",
    "sallyport --version",
    "npx sallyport serve -c sallyport.yaml",
    "sallyport check --config=sallyport.yaml --json",
    "sallyport audit verify data/audit --json",
    "sallyport token mint --subject 'a b' --groups a,b",
  ])("accepts %s", async (line) => {
    expect(await findUsageFault(line)).toBeUndefined();
  });

  it.each([
    ["sallyport serv", "no such command"],
    ["sallyport audit verify one two", "too many words"],
    ["sallyport check --loosely", "no option --loosely"],
    ["sallyport token mint --subject", "no value of --subject"],
    ["sallyport audit verify -x", "no option -x"],
    ["sally check", "not a sallyport command"],
  ])("finds the fault in %s", async (line, fault) => {
    expect(await findUsageFault(line)).toContain(fault);
  });
});
