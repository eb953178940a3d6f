/** What the schema cannot say about `servers.<name>.credentials.userLogin`. */
import { apiKeyIssuer } from "../auth/api-keys/api-key.ts";
import { certificateIssuer } from "../auth/client-certificate.ts";
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding, warning } from "./finding.ts";
import type { Config } from "./schema.ts";
import type { UserLoginConfig } from "./user-login.ts";

/** Who logs in at a server has to log in at the gateway first, or a link could be opened by somebody else. */
export function checkUserLogins({ servers, identity }: Pick<Config, "servers" | "identity">): RuleFinding[] {
  const others = [
    ...Object.keys(identity.issuers),
    ...(identity.apiKeys.enabled ? [apiKeyIssuer] : []),
    ...(identity.certificates.enabled ? [certificateIssuer] : []),
  ];
  return Object.entries(servers).flatMap(([name, { credentials }]) => {
    const config = credentials?.userLogin;
    if (config === undefined) return [];
    const at = ["servers", name, "credentials", "userLogin"];
    const findings = checkClient(config, at);
    if (!identity.builtin.login.enabled) {
      const reads = [["identity", "builtin", "login", "enabled"]];
      const hint = "set identity.builtin.login.enabled: true";
      findings.push(
        problem(at, "users log in on pages of the gateway, which there are none of", { at: "key", hint, reads }),
      );
    } else if (others.length > 0) {
      const message = `only who logs in at the gateway can log in at this server, not callers of ${others.join(", ")}`;
      findings.push(warning(at, message, { at: "key", reads: [["identity"]] }));
    }
    return findings;
  });
}

function checkClient({ issuer, clientId, clientSecret, authentication }: UserLoginConfig, at: Path): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (clientId !== undefined && issuer === undefined) {
    const message = "a client belongs to one authorization server: name its issuer, so that no other one is shown it";
    findings.push(problem([...at, "clientId"], message, { reads: [[...at, "issuer"]] }));
  }
  if (clientSecret !== undefined && clientId === undefined) {
    findings.push(
      problem([...at, "clientSecret"], "there is no clientId that it belongs to", { reads: [[...at, "clientId"]] }),
    );
  }
  if (authentication !== undefined && clientSecret === undefined) {
    const reads = [[...at, "clientSecret"]];
    findings.push(problem([...at, "authentication"], `${authentication} takes clientSecret`, { reads }));
  }
  return findings;
}
