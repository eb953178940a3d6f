/** The value of a cookie by the `Cookie` header (RFC 6265 section 4.2.1); the first where there are several, empty where there is none. */
export function readCookie(header: string | undefined, name: string): string {
  const found = header?.split(/; */).find((cookie) => cookie.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? "";
}
