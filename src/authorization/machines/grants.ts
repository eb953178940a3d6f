/** Tokens that nobody has to log in for: for a client itself (RFC 6749 section 4.4), and for whom an identity provider speaks (ID-JAG). */
import type Provider from "oidc-provider";
import type { JWTStructured, TokenEndpointGrantContext } from "oidc-provider";
import type { Login } from "../demands.ts";
import type { Resources } from "../resources.ts";
import { createAssertionVerifier, type VerifyAssertion } from "./assertion.ts";
import { clientCredentials, clientPrefix, jwtBearer } from "./grant-types.ts";
import type { Machines } from "./machines.ts";
import type { SpendOnce } from "./once.ts";
import { readProof, spendProof } from "./proofs.ts";
import { findResource, limitScopes } from "./reach.ts";
import { ClientRefused, GrantRefused, TargetRefused } from "./refused.ts";
import { listGrantTypes, type RegisteredClient } from "./registered.ts";

/** What {@link registerGrants} needs. */
export interface GrantOptions {
  readonly machines: Machines;
  readonly resources: Resources;
  readonly spendOnce: SpendOnce;
  /** Whether somebody may come in for whom an issuer speaks. */
  readonly admit: (subject: string, issuer: string) => Promise<boolean>;
  /** How long a token is good, in seconds. */
  readonly tokenTtl: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

type Context = TokenEndpointGrantContext<{
  readonly scope?: string;
  readonly resource?: string;
  readonly assertion?: string;
}>;

/** Whom a token is for, and what it may open. */
interface Given {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  readonly login: Login & { readonly amr?: readonly string[] | undefined };
  /** Takes what it is given for as used. */
  spend?(): Promise<void>;
}

type Give = (ctx: Context, client: RegisteredClient) => Given | Promise<Given>;

const parameters = ["scope", "resource"];

/** What a token of one of these grants says beside what the library writes. */
const claims = new WeakMap<object, Readonly<Record<string, unknown>>>();

/** For the library, which asks about each token that it signs. */
export function nameBearer(_ctx: unknown, token: object, { payload }: JWTStructured): void {
  Object.assign(payload, claims.get(token));
}

/** Lets clients ask for them, where there is a client that may. */
export function registerGrants(provider: Provider, options: GrantOptions): void {
  const { clients, providers, clockSkewMs } = options.machines;
  const types = listGrantTypes(clients.values());
  const register = (type: string, give: Give, names: readonly string[]) => {
    if (types.has(type)) provider.registerGrantType(type, (ctx) => answer(ctx as Context, options, give), names);
  };
  const verify = createAssertionVerifier(providers, { audience: provider.issuer, clockSkewMs }, options.now);
  register(clientCredentials, (ctx, client) => giveToClient(ctx, client, options), parameters);
  register(jwtBearer, (ctx, client) => giveToPerson(ctx, client, options, verify), [...parameters, "assertion"]);
}

async function answer(ctx: Context, options: GrantOptions, give: Give): Promise<void> {
  const { machines, resources, tokenTtl, now } = options;
  const { client, provider } = ctx.oidc;
  const registered = machines.clients.get(client.clientId);
  if (registered === undefined || client.clientAuthMethod === "none") {
    throw new ClientRefused("client_unregistered", "this grant is for clients that the operator has registered");
  }
  const proof = await readProof(ctx);
  const { subject, groups, resource, scopes, login, spend } = await give(ctx, registered);
  if (resource === undefined) throw new TargetRefused("there is no such MCP server for this client, or none is named");
  const granted = limitScopes(resources, registered, resource, scopes, login, now());
  // Last: what was refused may come again.
  await spendProof(ctx, proof);
  await spend?.();
  const token = new provider.ClientCredentials({ client, scope: granted.join(" "), expiresIn: tokenTtl });
  token.resourceServer = new provider.ResourceServer(resource, {
    scope: granted.join(" "),
    audience: resource,
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: "ES256" } },
  });
  if (proof !== undefined) token.setThumbprint("jkt", proof.thumbprint);
  const { acr, amr, authTime } = login;
  const said = { acr, amr, auth_time: authTime };
  const known = Object.entries(said).filter(([, value]) => value !== undefined);
  claims.set(token, { sub: subject, groups, ...Object.fromEntries(known) });
  ctx.oidc.entity("ClientCredentials", token);
  ctx.body = {
    access_token: await token.save(),
    token_type: token.tokenType,
    expires_in: tokenTtl,
    scope: granted.join(" "),
  };
}

function giveToClient({ oidc: { params } }: Context, client: RegisteredClient, { resources }: GrantOptions): Given {
  return {
    subject: `${clientPrefix}${client.id}`,
    groups: client.groups,
    resource: findResource(resources, client, params.resource),
    scopes: wordsOf(params.scope),
    login: {},
  };
}

async function giveToPerson(
  { oidc }: Context,
  client: RegisteredClient,
  { resources, spendOnce, admit }: GrantOptions,
  verify: VerifyAssertion,
): Promise<Given> {
  const { assertion = "", resource: wanted, scope } = oidc.params;
  const { issuer, subject, groups, jti, untilMs, ...asserted } = await verify(assertion, client.id);
  oidc.entity("Account", { accountId: subject });
  if (!(await admit(subject, issuer))) throw new GrantRefused("account_disabled", "the account is disabled here");
  const resource = findResource(resources, client, asserted.resource);
  if (wanted !== undefined && (resource === undefined || resources.canonical(wanted) !== resource)) {
    throw new TargetRefused("the assertion is for another MCP server");
  }
  return {
    subject,
    groups,
    resource,
    scopes: scope === undefined ? asserted.scopes : wordsOf(scope).filter((word) => asserted.scopes.includes(word)),
    login: asserted,
    async spend() {
      if (await spendOnce(issuer, jti, untilMs)) return;
      throw new GrantRefused("assertion_replayed", "it was used before");
    },
  };
}

function wordsOf(scope = ""): string[] {
  return scope.split(" ").filter((word) => word !== "");
}
