/** A review as a table for spreadsheets, and as a page to be signed. */
import { quoteCell } from "../../audit/export/cell.ts";
import type { Grant } from "../../policy/review/review.ts";
import { count, show } from "../printing.ts";
import type { ReviewReport } from "./review-report.ts";

const columns = [
  "who",
  "issuer",
  "subject",
  "client",
  "groups",
  "server",
  "kind",
  "pattern",
  "terms",
  "except",
  "rule",
  "role",
  "policy",
  "uses",
  "last_used",
  "others",
] as const;

/** CSV by RFC 4180, one line for each grant. */
export function renderCsv({ grants }: ReviewReport): string {
  return [columns, ...grants.map(cellsOf)]
    .map((cells) => `${cells.map((cell) => quoteCell(show(cell))).join(",")}\r\n`)
    .join("");
}

function cellsOf({
  who,
  others,
  person,
  server,
  kind,
  pattern,
  terms,
  except,
  rule,
  role,
  policy,
  uses,
  lastUsed,
}: Grant): string[] {
  const { issuer = "", subject = "", client = null, groups = [] } = person?.subject ?? {};
  const identity = [who, issuer, subject, client ?? "", groups.join(" ")];
  return [
    ...identity,
    server,
    kind,
    pattern,
    terms,
    except.join("; "),
    rule,
    role,
    policy,
    String(uses),
    lastUsed ?? "",
    others.join("; "),
  ];
}

/** `alice (corp), and whoever else is in group analysts`: that nobody else was seen does not mean that nobody else may. */
export function nameHolders({ who, others }: Pick<Grant, "who" | "others">): string {
  const rest = others.map((other) => `${other.startsWith("group ") ? "is in" : "comes by"} ${other}`);
  return show(rest.length === 0 ? who : `${who}, and whoever else ${rest.join(" or ")}`);
}

/** What a review does not know of: a grant may have been used after all. */
export function nameUnread(unread: number): string {
  return `${count(unread, "record")} cannot be read, being encrypted or of people who were erased; what looks unused may have been used`;
}

/** A page of Markdown with a place for the reviewer's signature. */
export function renderMarkdown(report: ReviewReport): string {
  const { grants, usables, period, policy, trail } = report;
  const idle = grants.filter(({ uses }) => uses === 0);
  const active = grants.filter(({ uses }) => uses > 0);
  const facts = [
    ["Made", report.made],
    ["Period", `${period.from} to ${period.to} (${count(period.days, "day")})`],
    ["Policy", `${policy.files.join(", ")}; hash ${policy.hash}`],
    [
      "Audit trail",
      `${trail.paths.join(", ")}: ${count(trail.records, "record")}${trail.first === null ? "" : `, ${trail.first} to ${trail.last}`}`,
    ],
    ...(trail.unread === 0 ? [] : [["Not read", nameUnread(trail.unread)]]),
    ["Grants", `${grants.length}, of which ${idle.length} were not used in the period`],
  ];
  return [
    "# Access review\n",
    renderTable(["", ""], facts),
    `## Not used in the period\n`,
    renderGrants(idle),
    `## Used\n`,
    renderGrants(active),
    "## By tool, prompt and resource\n",
    renderTable(
      ["server", "what", "who", "uses", "last used"],
      usables.map(({ server, kind, pattern, who, uses, lastUsed }) => [
        server,
        `${kind} ${pattern}`,
        who.join("; "),
        String(uses),
        lastUsed ?? "never",
      ]),
    ),
    "## Signature\n",
    "I have reviewed the access listed above. Grants to be withdrawn:\n",
    "\n&nbsp;\n",
    renderTable(["name", "date", "signature"], [["\u2003", "\u2003", "\u2003"]]),
  ].join("\n");
}

function renderGrants(grants: readonly Grant[]): string {
  if (grants.length === 0) return "none\n";
  return renderTable(
    ["who", "server", "what", "terms", "rule", "last used", "uses"],
    grants.map(({ who, others, server, kind, pattern, terms, except, rule, policy, lastUsed, uses }) => [
      nameHolders({ who, others }),
      server,
      `${kind} ${pattern}${except.length === 0 ? "" : `, except ${except.join(", ")}`}`,
      terms,
      `${rule} (${policy})`,
      lastUsed ?? "never",
      String(uses),
    ]),
  );
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(" | ")} |\n`;
  return [line(head), `|${" --- |".repeat(head.length)}\n`, ...rows.map(line)].join("");
}

/** Nothing that a caller is called makes a link, an image, markup or a further cell. */
function escapeCell(cell: string): string {
  return show(cell)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("://", "&#58;//")
    .replaceAll(/\bwww\./gi, (found) => `${found.slice(0, -1)}&#46;`)
    .replaceAll(/[\\`*_[\]|~]/g, "\\$&");
}
