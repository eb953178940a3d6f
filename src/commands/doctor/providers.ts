/** What is known of identity providers and does not show in their metadata: whether `resource` (RFC 8707) becomes the audience. */

interface KnownLack {
  readonly host: RegExp;
  readonly message: string;
  readonly hint: string;
}

const audience = "list the audience that its tokens have under `audience` of this issuer";

const lacks: readonly KnownLack[] = [
  {
    host: /^(?:login\.microsoftonline\.(?:com|us)|sts\.windows\.net|login\.partner\.microsoftonline\.cn)$/,
    message: "Entra refuses `resource` beside scopes (AADSTS9010010) and makes the audience from the scope",
    hint: `${audience}: the application id, or its URI`,
  },
  {
    host: /^cognito-idp\.[\w-]+\.amazonaws\.com(?:\.cn)?$/,
    message: "access tokens of Cognito have no audience unless a resource server is bound to them",
    hint: audience,
  },
  {
    host: /\.auth0\.com$/,
    message: "Auth0 makes the audience from `audience`, and from `resource` only with its compatibility profile",
    hint: "switch that profile on, and enter the URL of the server as an API",
  },
  {
    host: /\.okta(?:-emea|preview)?\.com$/,
    message: "Okta gives an authorization server one audience, whatever `resource` says",
    hint: audience,
  },
  {
    host: /^accounts\.google\.com$/,
    message: "access tokens of Google are opaque and for its own APIs alone",
    hint: "let people log in at the gateway (identity.builtin.login)",
  },
];

/** @param issuer its URL; of a provider that is not listed nothing is known */
export function findKnownLack(issuer: string): KnownLack | undefined {
  const { hostname } = new URL(issuer);
  return lacks.find(({ host }) => host.test(hostname));
}
