import { afterEach, describe, expect, it, vi } from "vitest";
import { main } from "../../src/main.ts";
import { leaveClone } from "./commands/policies.ts";

afterEach(() => vi.restoreAllMocks());

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const code = await main(argv);
  const said = ({ mock }: typeof out) => mock.calls.map(([text]) => String(text)).join("");
  return { code, out: said(out), err: said(err) };
}

const recipient = "age1wp90s5ycnvd3e48rlw70ral75mh6ulls6ulejv8z2awz8schz5msukwtsr";

describe("the command line", () => {
  it.each([["--help"], ["help"], ["serve", "--help"], ["audit", "verify", "--help"], ["token", "mint", "--help"]])(
    "explains itself: %s %s %s",
    async (...argv) => expect(await run(...argv)).toMatchObject({ code: 0, out: expect.stringContaining("Usage:") }),
  );

  it("says its version", async () => {
    expect(await run("--version")).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each<[string[], string]>([
    [["serv"], 'unknown command "serv" (did you mean "serve"?)'],
    [["dance"], 'unknown command "dance"; '],
    [["check", "--no-such-flag"], "unknown option '--no-such-flag'"],
    [["revoke", "session", "9pb6rjWHlM1", "--issuer", "corp"], "unknown option '--issuer'"],
    [["revoke", "grant", "2XkVQ4ou2uW78w6S", "--issuer", "corp"], "unknown option '--issuer'"],
    [["token", "mint"], "--subject"],
    [["serve", "-c", "/nowhere/sallyport.yaml"], "there is no such file"],
  ])("ends with 2 and a reason: %j", async (argv, reason) => {
    expect(await run(...argv)).toMatchObject({ code: 2, err: expect.stringContaining(reason) });
  });

  it.each([
    [["policy", "lint"], "sallyport policy --help"],
    [["audit", "verify", "one", "two"], "sallyport audit verify --help"],
    [["audit", "search", "--decision", "perhaps"], "sallyport audit search --help"],
    [["check", "--no-such-flag"], "sallyport check --help"],
  ])("says where the right use stands: %j", async (argv, where) => {
    expect(await run(...argv)).toMatchObject({
      code: 2,
      err: expect.stringMatching(`\n${where} says how it is used\n$`),
    });
  });

  it.each<[string[], string]>([
    [["serve"], ", or let sallyport quickstart make one\n"],
    [["token", "mint", "--subject", "ann"], "\n"],
    [["audit", "verify"], ", or the trail itself\n"],
    [["audit", "key"], "\n"],
    [["audit", "hold", "set", "--reason", "case 7"], "\n"],
    [["audit", "hold", "show"], "\n"],
    [["audit", "shred", "--before", "30d"], "\n"],
    [["audit", "erase", "--subject", "ann", "--issuer", "corp"], "\n"],
    [["backup", "create", "--out", "gateway.age", "--recipient", recipient], "\n"],
    [["check"], ", or give policy files with -p\n"],
  ])("says how to name the configuration that is not where it looks: %j", async (argv, rest) => {
    await leaveClone();
    const missing = "sallyport.yaml:1:1: there is no such file\n  hint: name it with -c";
    expect(await run(...argv)).toMatchObject({ code: 2, err: expect.stringContaining(`${missing}${rest}`) });
  });
});
