import { expect, it } from "vitest";
import { explainStart } from "../../src/start.ts";

/** As Node reports it of a listener. */
const failure = (code: string, address: string) =>
  Object.assign(new Error(`listen ${code}: ${address}:80`), { code, address, port: 80 });

it.each([
  ["EADDRINUSE", "127.0.0.1", "127.0.0.1:80 is already in use; set another address or stop what listens there"],
  [
    "EACCES",
    "127.0.0.1",
    "127.0.0.1:80 may not be bound by this user; set a port of 1024 or above, or give the process CAP_NET_BIND_SERVICE",
  ],
  [
    "EADDRNOTAVAIL",
    "10.99.99.99",
    "10.99.99.99:80 is no address of this machine; set listen.address or admin.address to one that is, or to 0.0.0.0",
  ],
])("says what to do about a listener that fails with %s", (code, address, said) => {
  expect(explainStart(failure(code, address))).toBe(said);
});
