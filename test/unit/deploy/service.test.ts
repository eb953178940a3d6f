import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findUsageFault } from "../docs/usage.ts";
import { readText } from "./repository.ts";

const text = readText("deploy/sallyport.service");
const config = readText("deploy/sallyport.yaml");
const settings = [...text.matchAll(/^([A-Za-z]+)=(.*)$/gm)].map(([, key = "", value = ""]) => ({ key, value }));

function valuesOf(key: string): string[] {
  return settings.filter((setting) => setting.key === key).map(({ value }) => value);
}

describe("the systemd unit", () => {
  it.each([
    ["DynamicUser", "yes"],
    ["NoNewPrivileges", "yes"],
    ["CapabilityBoundingSet", ""],
    ["AmbientCapabilities", ""],
    ["ProtectSystem", "strict"],
    ["ProtectHome", "yes"],
    ["PrivateTmp", "yes"],
    ["PrivateDevices", "yes"],
    ["ProtectKernelModules", "yes"],
    ["ProtectKernelTunables", "yes"],
    ["ProtectControlGroups", "yes"],
    ["RestrictNamespaces", "yes"],
    ["RestrictSUIDSGID", "yes"],
    ["SystemCallArchitectures", "native"],
    ["StateDirectoryMode", "0700"],
    ["UMask", "0077"],
    ["LimitCORE", "0"],
    ["Restart", "on-failure"],
  ])("sets %s=%s", (key, value) => {
    expect(valuesOf(key)).toEqual([value]);
  });

  it("lets V8 compile, and says why", () => {
    expect(text).toMatch(/^# [^\n]*V8[^\n]*\n(?:#[^\n]*\n)*MemoryDenyWriteExecute=no$/m);
  });

  it("allows the system calls of services without those of administrators", () => {
    expect(valuesOf("SystemCallFilter")).toEqual(["@system-service", "~@privileged @resources"]);
    expect(valuesOf("RestrictAddressFamilies")).toEqual(["AF_INET AF_INET6 AF_UNIX AF_NETLINK"]);
  });

  it("gives the drain more time than it can take", async () => {
    const [seconds] = valuesOf("TimeoutStopSec").map(Number);
    expect(seconds).toBeGreaterThan(2 * (await drainSeconds()));
  });

  it("runs commands that exist, on the configuration that is installed", async () => {
    const commands = [...valuesOf("ExecStart"), ...valuesOf("ExecReload")].filter((line) =>
      line.includes("sallyport.js"),
    );
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      const [, args = ""] = command.split("/bin/sallyport.js ");
      expect(args).toContain("-c /etc/sallyport/sallyport.yaml");
      expect(await findUsageFault(`sallyport ${args}`)).toBeUndefined();
    }
  });

  it("reloads by SIGHUP, after the new configuration was checked", () => {
    const [first, second] = valuesOf("ExecReload");
    expect(first).toContain(" check ");
    expect(second).toBe("/bin/kill -HUP $MAINPID");
  });

  it("brings every secret that the configuration names, and no other", () => {
    const ids = valuesOf("LoadCredential").map((value) => value.split(":", 1)[0]);
    const named = new Set(
      [...config.matchAll(/\/run\/credentials\/sallyport\.service\/([\w.-]+)/g)].map(([, name]) => name),
    );
    expect([...named].sort()).toEqual(ids.toSorted());
  });

  it("keeps what the gateway writes in the directory that is kept", () => {
    const { audit, state } = parse(config) as { audit: { directory: string }; state: { directory: string } };
    const [kept] = valuesOf("StateDirectory");
    expect(state.directory).toBe(`/var/lib/${kept}`);
    expect(audit.directory.startsWith(`/var/lib/${kept}/`)).toBe(true);
  });
});

async function drainSeconds(): Promise<number> {
  const { configSchema } = await import("../../../src/config/schema.ts");
  return configSchema.parse(parse(config.replaceAll(/\$\{[^}]*\}/g, "x"))).listen.drainTimeout / 1_000;
}
