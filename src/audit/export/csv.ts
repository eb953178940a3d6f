/** Records as a table for spreadsheets: CSV by RFC 4180. Pure. */
import type { AuditRecord } from "../record.ts";
import { showUnseen } from "../sanitize/text.ts";
import { quoteCell } from "./cell.ts";
import { asText } from "./meaning.ts";

type Cell = string | number | boolean | null | undefined;

const columns: Readonly<Record<string, (record: AuditRecord) => Cell>> = {
  time: ({ time }) => time,
  trail: ({ trail }) => trail,
  seq: ({ seq }) => seq,
  id: ({ id }) => id,
  event: ({ event }) => event,
  ip: ({ peer }) => peer?.ip,
  proxied: ({ peer }) => peer?.proxied,
  issuer: ({ identity }) => identity?.issuer,
  subject: ({ identity }) => identity?.subject,
  client: ({ identity }) => identity?.client,
  via: ({ identity }) => identity?.via,
  groups: ({ identity }) => identity?.groups.join(" "),
  person: ({ person }) => person,
  server: ({ server }) => server,
  era: ({ era }) => era,
  session: ({ session }) => session,
  method: ({ method }) => method,
  target_kind: ({ target }) => target?.kind,
  target: ({ target }) => target?.name,
  args_digest: ({ args }) => args?.digest,
  args: ({ args }) => asText(args?.view),
  effect: ({ decision }) => decision.effect,
  rule: ({ decision }) => decision.rule,
  policy: ({ decision }) => decision.policy,
  policies: ({ decision }) => decision.policies,
  reason: ({ decision }) => decision.reason,
  detail: ({ decision }) => decision.detail,
  shadow_effect: ({ decision }) => decision.shadow?.effect,
  shadow_rule: ({ decision }) => decision.shadow?.rule,
  shadow_policy: ({ decision }) => decision.shadow?.policy,
  http: ({ outcome }) => outcome.http,
  rpc: ({ outcome }) => outcome.rpc,
  tool_error: ({ outcome }) => outcome.tool_error,
  upstream: ({ outcome }) => outcome.upstream,
  bytes_in: ({ bytes }) => bytes.in,
  bytes_out: ({ bytes }) => bytes.out,
  ms_total: ({ ms }) => ms.total,
  ms_upstream: ({ ms }) => ms.upstream,
  note: ({ note }) => asText(note),
  prev: ({ prev }) => prev,
  hash: ({ hash }) => hash,
};

/** The names of the columns. */
export const csvHead = renderRow(Object.keys(columns));

/** One row, with its line break. */
export function renderCsv(record: AuditRecord): string {
  return renderRow(Object.values(columns).map((read) => read(record)));
}

/** Numbers are none that anybody chose, and -32600 is no formula. What steers a terminal others have written into the file. */
function renderRow(cells: readonly Cell[]): string {
  const shown = cells.map((cell) => (typeof cell === "string" ? quoteCell(showUnseen(cell)) : String(cell ?? "")));
  return `${shown.join(",")}\r\n`;
}
