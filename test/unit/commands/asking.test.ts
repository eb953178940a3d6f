import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { withQuestion } from "../../../src/commands/policy/asking.ts";

function readArguments(text: string): unknown {
  const command = withQuestion(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(["--arguments", text], { from: "user" }).opts().arguments;
}

describe("arguments of a call that is asked about", () => {
  it.each(['{"amount":9007199254740992}', '{"a":{"b":1},"c":{"b":2}}', '{"note":"\\ud83d\\ude00"}'])("%s", (text) => {
    expect(readArguments(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ['{"amount":9007199254740993}', "A double does not hold a number of it"],
    ['{"amount":1e400}', "A double does not hold a number of it"],
    ['{"amount":1,"amount":20}', "a name stands there twice"],
    ['{"amount":1,"\\u0061mount":20}', "a name stands there twice"],
    ['{"note":"\\ud800"}', "half of a character"],
    ["[1]", "Expected a JSON object"],
  ])("that the gateway judges otherwise than they read: %s", (text, message) => {
    expect(() => readArguments(text)).toThrow(message);
  });
});
