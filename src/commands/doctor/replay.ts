/** Does what one client does, from metadata to the request that its user's browser is sent with. */
import { randomBytes } from "node:crypto";
import type { JsonObject } from "../../mcp/object.ts";
import { serverMetadataPlaces } from "../../upstream/vault/metadata.ts";
import { namedMetadata } from "./arrive.ts";
import { type Asking, authorizeUrl, chooseScope, judgeAuthorize } from "./authorize.ts";
import { challengeParameter } from "./challenge.ts";
import { type ClientModel, withPort } from "./clients.ts";
import { judgePreflight, listPreflights, mayAsk } from "./cors.ts";
import { discover, missing } from "./discover.ts";
import { type Finding, isFatal, problem, type Step, type StepName } from "./finding.ts";
import { logIn } from "./login.ts";
import { firstServer, judgePkce, judgeResourceMetadata, judgeServerMetadata, listResourcePlaces } from "./metadata.ts";
import { chooseWay, judgeRegistration, judgeWay, type Registered, readRegistered } from "./registration.ts";
import { type Arrived, findWhose, type Whose, type World } from "./world.ts";

/** A client on its way. */
export interface Journey {
  readonly model: ClientModel;
  readonly whose: Whose;
  /** Metadata of the authorization server, and of the resource. */
  readonly said: JsonObject;
  readonly resource: JsonObject;
  readonly clientId: string;
  /** Whether it is known by a document. */
  readonly documented: boolean;
  askingWith(redirectUri: string): Asking;
}

/** @param name of the client, for the steps */
export async function* replay(world: World, arrived: Arrived, name: string, model: ClientModel): AsyncGenerator<Step> {
  const step = (of: StepName, finding: Finding): Step => ({ client: name, step: of, ...finding });
  const { config, url, port } = world;
  const { ask, challenge } = arrived;

  const resource = await discover(ask, listResourcePlaces(model, url, namedMetadata(arrived)));
  if (typeof resource === "string") {
    return yield step("resource-metadata", problem(`there is no metadata (${resource})`, { at: ["publicUrl"] }));
  }
  const about = judgeResourceMetadata(resource.said, model, url, config.publicUrl);
  yield step("resource-metadata", about);
  if (isFatal(about)) return;

  const issuer = firstServer(resource.said) ?? "";
  const whose = findWhose(config, issuer);
  if (whose === null) {
    const message = `${issuer} is no issuer of this configuration: the gateway runs with another one, or something else answers`;
    return yield step("authorization-server", problem(message, { at: ["identity"] }));
  }
  const { at } = whose.rules;
  const server = await discover(ask, serverMetadataPlaces(issuer));
  if (typeof server === "string") return yield step("authorization-server", missing(server, at));
  for (const [of, finding] of [
    ["authorization-server", judgeServerMetadata(server.said, issuer, at)],
    ["pkce", judgePkce(server.said, at)],
  ] as const) {
    yield step(of, finding);
    if (isFatal(finding)) return;
  }

  const way = chooseWay(model, server.said);
  const known = judgeWay(way, model, server.said, whose.rules);
  if (known !== null) yield step("registration", known);
  if (way.kind === "none" || (known !== null && isFatal(known))) return;
  let registered: Registered | null = null;
  if (way.kind === "register") {
    const uris = withPort(model.registers, port);
    const body = JSON.stringify({ ...model.registration, redirect_uris: uris });
    const answer = await ask(way.endpoint, { method: "POST", headers: { "content-type": "application/json" }, body });
    registered = readRegistered(answer);
    if (registered !== null) leave(registered.id);
    const finding = judgeRegistration(answer, uris, whose.rules);
    yield step("registration", finding);
    if (registered === null || isFatal(finding)) return;
  }
  const clientId = registered?.id ?? (way.kind === "document" ? way.id : "");

  const journey: Journey = {
    ...{ model, whose, said: server.said, resource: resource.said, clientId },
    documented: way.kind === "document",
    askingWith: (redirectUri) => ({
      ...{ clientId, redirectUri, resource: String(resource.said.resource) },
      scope: chooseScope(challengeParameter(challenge.headers["www-authenticate"], "scope"), resource.said),
      verifier: randomBytes(32).toString("base64url"),
      state: randomBytes(16).toString("base64url"),
    }),
  };
  let goes = true;
  for (const redirectUri of withPort(model.redirects, port)) {
    const asking = journey.askingWith(redirectUri);
    const answer = await ask(authorizeUrl(server.said, asking), { headers: { accept: "text/html" } });
    const finding = judgeAuthorize(answer, asking, whose.rules, journey.documented);
    goes &&= !isFatal(finding);
    yield step("authorize", finding);
    // Where the document is what is wrong, it is so for all of them.
    if (!goes && journey.documented) break;
  }
  if (model.origin !== null) {
    const read = [resource.answer.url, server.answer.url];
    const asked = [server.said.registration_endpoint, server.said.token_endpoint];
    yield* examineCors(model.origin, read, asked);
  }
  if (goes) yield* logIn(world, ask, name, journey, leftover(clientId));

  async function* examineCors(origin: string, read: readonly string[], asked: readonly unknown[]) {
    const findings: Finding[] = [];
    for (const preflight of listPreflights(url, read, asked)) {
      const headers = {
        origin,
        "access-control-request-method": preflight.method,
        "access-control-request-headers": preflight.headers,
      };
      const finding = judgePreflight(await ask(preflight.url, { method: "OPTIONS", headers }), origin, preflight);
      if (finding !== null) findings.push(finding);
    }
    for (const finding of findings.length > 0 ? findings : [mayAsk(origin)]) yield step("cors", finding);
  }

  function leave(id: string): void {
    leftover(id);
  }

  function leftover(id: string) {
    const found = world.left.find((each) => each.clientId === id);
    if (found !== undefined) return found;
    const ours = whose?.rules.allowsHost !== null;
    const metadata = typeof server === "string" ? {} : server.said;
    const fresh = { ours, title: model.title, clientId: id, registered, metadata, tokens: null, session: null };
    world.left.push(fresh);
    return fresh;
  }
}
