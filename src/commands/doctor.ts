import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { resourceOf } from "../auth/metadata.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { openConfig } from "../config/open.ts";
import type { Config } from "../config/schema.ts";
import { readHttpUrl } from "../network/url.ts";
import { probePort } from "../quickstart/probe.ts";
import { hintAtConfig, withConfig } from "./config.ts";
import { type ClientName, clientModels } from "./doctor/clients.ts";
import { examine } from "./doctor/examine.ts";
import type { Step } from "./doctor/finding.ts";
import { describeStep, locate, renderText } from "./doctor/report.ts";
import { openBrowser } from "./doctor/walk.ts";
import type { Consent, World } from "./doctor/world.ts";
import { reportFailure } from "./failure.ts";
import type { CommandIo } from "./io.ts";
import { printJsonLine } from "./printing.ts";
import { readName } from "./token.ts";
import { readSecret } from "./user/secret.ts";

interface LoginOptions {
  readonly config: string;
  readonly server?: string;
  readonly client: ClientName | "all";
  readonly url?: string;
  readonly ca?: string;
  readonly login?: true;
  readonly user?: string;
  readonly json?: true;
}

/**
 * `sallyport doctor login`: does what MCP clients do to log in at a gateway that runs, and names the line to change where they would not
 * get through. Exit code 0 they would, 1 not all of them, 2 it could not be found out.
 */
export function doctorCommand(io: CommandIo): Command {
  const names = Object.keys(clientModels) as ClientName[];
  const login = withConfig(new Command("login"))
    .description("do what MCP clients do to log in at the running gateway, and name the line to change where they fail")
    .option("--server <name>", "server to log in for; may be left out when there is only one")
    .addOption(new Option("--client <name>", "which client to do as").choices([...names, "all"]).default("all"))
    .option("--url <url>", "what clients were given, where that is not publicUrl and the path of the server")
    .option("--ca <file>", "PEM file with an authority that your clients trust")
    .option("--login", "go on to the end, once: you log in with a browser")
    .addOption(
      new Option(
        "--user <name>",
        "go on to the end: log in as this user, with a password that is asked for, or read from stdin",
      )
        .argParser(readName)
        .conflicts("login"),
    )
    .option("--json", "print one JSON object for each step")
    .action(async (options: LoginOptions) => {
      const { config: file, client, ca, json } = options;
      try {
        const loaded = await loadConfig(file).catch((error: unknown) => {
          throw hintAtConfig(error, file);
        });
        const { yaml } = await openConfig(file);
        const world = await makeWorld(loaded, options, io);
        const authorities = ca === undefined ? [] : [await readFile(resolve(ca), "utf8")];
        let before: string | null | undefined;
        let failed = false;
        const show = (step: Step) => {
          const located = locate(yaml, step);
          if (json === true) printJsonLine(io, describeStep(located));
          else io.out(renderText(located, before));
          before = step.client;
          failed ||= step.outcome === "problem";
        };
        const clients = client === "all" ? names : [client];
        await examine(world, { io, file, authorities, clients, show });
        io.exit(failed ? 1 : 0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
  return new Command("doctor").description("find out what is wrong with a gateway that runs").addCommand(login);
}

async function makeWorld({ config }: LoadedConfig, options: LoginOptions, io: CommandIo): Promise<World> {
  const server = chooseServer(config, options.server);
  const url = options.url ?? resourceOf(config.publicUrl, server);
  if (readHttpUrl(url) === undefined) throw new Error(`${url} is no URL that clients could be given`);
  const port = await probePort({ host: "127.0.0.1", port: 0 });
  return { config, server, url, port, consent: await makeConsent(options, io), left: [], now: Date.now };
}

async function makeConsent({ login, user, json }: LoginOptions, io: CommandIo): Promise<Consent> {
  if (user !== undefined) {
    const person = { user, password: await readSecret("Password: ") };
    return { kind: "person", person, browser: openBrowser() };
  }
  if (login === undefined) return { kind: "none" };
  // What is read by machine stays apart from what is for people.
  const say = json === true ? io.err : io.out;
  return { kind: "browser", say: (url) => say(`\nOpen this in a browser on this machine, and log in:\n\n${url}\n\n`) };
}

function chooseServer({ servers }: Config, wanted: string | undefined): string {
  const names = Object.keys(servers);
  const [only, ...others] = names;
  const server = wanted ?? (others.length === 0 ? only : undefined);
  if (server !== undefined && names.includes(server)) return server;
  if (only === undefined) {
    throw new Error("this gateway has no servers: use the configuration of the one that clients connect to");
  }
  const problem = wanted === undefined ? "--server is needed" : `there is no server ${JSON.stringify(wanted)}`;
  throw new Error(`${problem}; servers: ${names.join(", ")}`);
}
