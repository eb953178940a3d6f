/** Records in the ArcSight Common Event Format (CEF Implementation Standard, CEF:0 with the keys for producers). Pure. */
import { isIP } from "node:net";
import type { AuditRecord } from "../record.ts";
import { actionOf, isOfGateway, outcomeOf, severityOf, summarize } from "./meaning.ts";

/** 0 to 3 are low, 4 to 6 medium. */
const severities = { informational: 1, low: 3, medium: 5 } as const;

/** One line with its newline. What has no key of its own is in custom strings, each with its label; arguments are left out. */
export function renderCef(record: AuditRecord, version: string): string {
  const { event, decision } = record;
  const signature = decision.reason ?? event;
  const severity = severities[severityOf(record)];
  const header = ["Sallyport", "Sallyport", version, signature, summarize(record), String(severity)].map(escapeHeader);
  const extension = keysOf(record).flatMap(([key, value]) =>
    value == null || value === "" || Number.isNaN(value) ? [] : [`${key}=${escapeValue(String(value))}`],
  );
  return `CEF:0|${header.join("|")}|${extension.join(" ")}\n`;
}

type Key = readonly [string, string | number | null | undefined];

function keysOf(record: AuditRecord): readonly Key[] {
  const { peer, identity, server, target, decision, outcome, bytes, ms } = record;
  const ofGateway = isOfGateway(record);
  return [
    ["rt", Date.parse(record.time)],
    ["cat", record.event],
    ["act", decision.effect],
    ["outcome", outcomeOf(record)],
    ["reason", decision.reason],
    ["deviceExternalId", record.trail],
    ["externalId", record.id],
    ...addressKeys(peer?.ip ?? ""),
    ["suser", identity?.subject],
    ["suid", record.person],
    ["sntdom", identity?.issuer],
    ["destinationServiceName", server],
    ["app", ofGateway ? null : "MCP"],
    ["in", ofGateway ? null : bytes.in],
    ["out", ofGateway ? null : bytes.out],
    ["msg", decision.detail],
    ...labelled("cs1", "method", ofGateway ? null : actionOf(record)),
    ...labelled("cs2", "target", target?.name == null ? null : `${target.kind} ${target.name}`),
    ...labelled("cs3", "rule", decision.rule),
    ...labelled("cs4", "policy", decision.policy),
    ...labelled("cs5", "session", record.session),
    ...labelled("cs6", "client", identity?.client),
    ...labelled("cn1", "httpStatus", outcome.http),
    ...labelled("cn2", "rpcCode", outcome.rpc),
    ...labelled("cn3", "sequence", record.seq),
    ...labelled("cfp1", "milliseconds", ofGateway ? null : ms.total),
  ];
}

/** `src` is for IPv4 alone. */
function addressKeys(ip: string): readonly Key[] {
  return isIP(ip) === 6 ? labelled("c6a2", "Source IPv6 Address", ip) : [["src", ip]];
}

function labelled(key: string, label: string, value: Key[1]): readonly Key[] {
  return value == null
    ? []
    : [
        [key, value],
        [`${key}Label`, label],
      ];
}

/** What ends a line for some reader, or steers a terminal. The gateway writes none of it, others may have. */
const breaking = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/** A header has one line, in which a bar ends a field. */
function escapeHeader(text: string): string {
  return text.replaceAll(/[\\|]/g, "\\$&").replaceAll(breaking, " ");
}

/** A bar is nothing in particular here, an equals sign is. */
function escapeValue(text: string): string {
  return text.replaceAll(/[\\=]/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll(breaking, " ");
}
