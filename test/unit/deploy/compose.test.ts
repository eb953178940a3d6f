import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { configSchema } from "../../../src/config/schema.ts";
import { createAddressSet, readCidr } from "../../../src/network/cidr.ts";
import { findUsageFault } from "../docs/usage.ts";
import { readText, root } from "./repository.ts";

interface Service {
  readonly image: string;
  readonly build?: { readonly dockerfile: string };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string }>>;
  readonly network_mode?: string;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly command?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
}

interface Network {
  readonly internal?: boolean;
  readonly ipam?: { readonly config: readonly { readonly subnet: string; readonly gateway?: string }[] };
}

const text = readText("docker-compose.yml");
const compose = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, Network>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const config = configSchema.parse(parse(readText("deploy/compose/sallyport.yaml")));
const { gateway, everything, prometheus, redis, certificates } = compose.services;

function networksOf({ networks = [] }: Service): string[] {
  return Array.isArray(networks) ? [...networks] : Object.keys(networks);
}

function isWithin(address: string, network: string): boolean {
  const subnet = readCidr(compose.networks[network]?.ipam?.config[0]?.subnet ?? "");
  return subnet !== undefined && createAddressSet([subnet]).has(address);
}

describe.each(services)("service %s", (_name, service) => {
  it("can change nothing and gain nothing", () => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    expect(service.privileged).toBeUndefined();
  });

  it("has an image with a version", () => {
    expect(service.image).toMatch(/^[a-z/]+:v?\d+(?:\.\d+)*$/);
  });

  it("is probed, unless it is one that ends", () => {
    if (service.restart === "no") expect(service.healthcheck).toEqual({ disable: true });
    else if (service.build === undefined) expect(service.healthcheck?.test).not.toHaveLength(0);
    else expect(service.healthcheck?.disable).toBeUndefined();
  });

  it("names networks, volumes, files and services that are there", () => {
    for (const network of networksOf(service)) expect(compose.networks).toHaveProperty(network);
    for (const other of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(other);
    for (const volume of service.volumes ?? []) {
      const [source = ""] = volume.split(":");
      if (source.startsWith("./")) expect(existsSync(join(root, source)), source).toBe(true);
      else expect(compose.volumes).toHaveProperty(source);
    }
    if (service.build !== undefined) expect(existsSync(join(root, service.build.dockerfile))).toBe(true);
  });

  it("has no secret in its environment", () => {
    for (const name of Object.keys(service.environment ?? {})) expect(name).not.toMatch(/pass|secret|token|key|auth/i);
  });
});

describe("the whole", () => {
  it("publishes the gateway's port, on loopback, and no other", () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => ({ name, port })));
    const { port } = config.listen.address;
    expect(published).toEqual([{ name: "gateway", port: `127.0.0.1:${new URL(config.publicUrl).port}:${port}` }]);
  });

  it("puts everything but the gateway on networks without a way out", () => {
    for (const service of [everything, prometheus, redis]) {
      expect(service).toBeDefined();
      const names = service === undefined ? [] : networksOf(service);
      expect(names).toHaveLength(1);
      for (const name of names) expect(compose.networks[name]?.internal).toBe(true);
    }
    expect(certificates?.network_mode).toBe("none");
  });

  it("lets the server be reached by the gateway alone", () => {
    const [network = ""] = everything === undefined ? [] : networksOf(everything);
    const neighbours = services.filter(([, service]) => networksOf(service).includes(network)).map(([name]) => name);
    expect(neighbours.sort()).toEqual(["everything", "gateway"]);
    const { url } = config.servers.everything ?? {};
    expect(url?.hostname).toBe("everything");
    expect(url?.port).toBe(everything?.environment?.PORT);
  });

  it("lets in what comes through the published port, and no neighbour", () => {
    const gatewayOfEdge = compose.networks.edge?.ipam?.config[0]?.gateway ?? "";
    expect(config.network.allow).toEqual([readCidr(gatewayOfEdge)]);
    expect(isWithin(gatewayOfEdge, "edge")).toBe(true);
  });

  it("shows health and metrics to the network of Prometheus only", () => {
    const { host, port } = config.admin.address;
    expect(host).toBe(addressOfGateway());
    expect(isWithin(host, "monitoring")).toBe(true);
    expect(gateway?.environment?.LIVEZ_URL).toBe(`http://${host}:${port}/livez`);
    const scrape = parse(readText("deploy/prometheus.yml")) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    expect(scrape.scrape_configs.flatMap((job) => job.static_configs.flatMap(({ targets }) => targets))).toEqual([
      `gateway:${port}`,
    ]);
  });

  it("gives Prometheus the rules that it is told to load", () => {
    const { rule_files } = parse(readText("deploy/prometheus.yml")) as { rule_files: string[] };
    const mounts = rule_files.map((file) => `./deploy/${file}:/etc/prometheus/${file}:ro`);
    expect(prometheus?.volumes).toEqual(expect.arrayContaining(mounts));
    expect(mounts).not.toEqual([]);
  });

  it("makes the certificate that the gateway shows, with a module that exists", () => {
    const script = certificates?.command?.[0] ?? "";
    const [, made = "", directory = ""] =
      /"\/app\/dist\/(.+)\.js";\s.*ensureCertificates\("([^"]+)"/s.exec(script) ?? [];
    expect(config.listen.tls).toEqual({ cert: `${directory}/server.pem`, key: `${directory}/server.key` });
    expect(readText(`src/${made}.ts`)).toContain(
      "export async function ensureCertificates(directory: string, now: Date)",
    );
    expect(text).toContain(`gateway:${directory}/ca.pem`);
  });

  it("gives the drain the time it can take", () => {
    const seconds = Number(/^(\d+)s$/.exec(gateway?.stop_grace_period ?? "")?.[1]);
    expect(seconds).toBeGreaterThan((2 * config.listen.drainTimeout) / 1_000);
  });

  it("shows a command that mints a token for a group of the policy", async () => {
    const [, args = ""] = /exec gateway node bin\/sallyport\.js (.+)$/m.exec(text) ?? [];
    expect(await findUsageFault(`sallyport ${args}`)).toBeUndefined();
    const [, group = ""] = /--groups (\S+)/.exec(args) ?? [];
    expect(readText("deploy/compose/policies/everything.yaml")).toContain(`groups: [${group}]`);
  });
});

function addressOfGateway(): string | undefined {
  const { networks = {} } = gateway ?? {};
  return "monitoring" in networks ? networks.monitoring?.ipv4_address : undefined;
}
