/** Where the authorization server is. Apart from the rest, which takes a library that is loaded only where it is used. */

/** Where everything of it is, below the origin. */
export const mount = "/oauth";
/** Where clients push what they are going to ask for (RFC 9126). */
export const pushPath = `${mount}/par`;
/** Where its pages are. */
export const pagesPath = `${mount}/login`;
/** Where other providers send people back to, each below it by its name. */
export const returnPath = `${pagesPath}/back`;
/** Where other providers say that somebody has logged out there, each below it by its name. */
export const providerLogoutPath = `${mount}/backchannel-logout`;
/** Where people see their account, and what is below it. */
export const accountPath = `${mount}/account`;
/** Where people see their passkeys. */
export const passkeysPath = `${accountPath}/passkeys`;
/** Where the browser of somebody who had to log in for a page of ours comes back to. */
export const backPath = `${accountPath}/back`;

/** Where they change their password. */
export const passwordPath = `${accountPath}/password`;
/** Where they log out, from whichever page. */
export const logoutPath = `${accountPath}/logout`;
/** Where they make session tokens. */
export const tokenPath = `${accountPath}/token`;

/** OAuth endpoints, pages, and the metadata in both forms (RFC 8414, OpenID Connect Discovery). */
const paths = new RegExp(
  `^(?:${mount}/(?:authorize(?:/[\\w-]+)?|token|par|register|revoke|jwks|login/(?:back/)?[\\w-]+|backchannel-logout/[\\w-]+|account(?:/[\\w-]+)?|upstream(?:-back)?/[\\w-]+)|/\\.well-known/(?:oauth-authorization-server|openid-configuration))$`,
);

/** Where users log in at servers behind the gateway, and come back from there. */
const upstreamPages = new RegExp(`^${mount}/upstream(?:-back)?/`);

export function isUpstreamPage(path: string): boolean {
  return upstreamPages.test(path);
}

/** Whether the authorization server has something at a path. */
export function serves(path: string): boolean {
  return paths.test(path);
}

const pages = new RegExp(
  `^${mount}/(?:authorize(?:/[\\w-]+)?|login/(?:back/)?[\\w-]+|account(?:/[\\w-]+)?|upstream(?:-back)?/[\\w-]+)$`,
);

/** Whether people see in their browser what stands at a path. */
export function isPage(path: string): boolean {
  return pages.test(path);
}
