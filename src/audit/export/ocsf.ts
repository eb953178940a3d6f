/**
 * Records in the Open Cybersecurity Schema Framework 1.6.0: API Activity (https://schema.ocsf.io/1.6.0/classes/api_activity)
 * for what callers send, Application Lifecycle (…/application_lifecycle) for what happens to the gateway. Pure.
 */
import type { AuditRecord } from "../record.ts";
import { actionOf, asText, compact, isOfGateway, outcomeOf, severityOf, summarize } from "./meaning.ts";

interface Activity {
  readonly id: number;
  readonly name: string;
}

const create: Activity = { id: 1, name: "Create" };
const read: Activity = { id: 2, name: "Read" };
const update: Activity = { id: 3, name: "Update" };
const remove: Activity = { id: 4, name: "Delete" };

/** What is asked for, as far as the method says it: a tool may do anything. No object: callers choose names of methods. */
const activities = mapOf({
  initialize: create,
  "resources/subscribe": create,
  "subscriptions/listen": create,
  ping: read,
  "server/discover": read,
  "tools/list": read,
  "prompts/list": read,
  "prompts/get": read,
  "resources/list": read,
  "resources/templates/list": read,
  "resources/read": read,
  "completion/complete": read,
  "tasks/get": read,
  "tasks/result": read,
  "tasks/list": read,
  "roots/list": read,
  stream: read,
  discovery: read,
  "logging/setLevel": update,
  "tasks/update": update,
  "tasks/cancel": update,
  "resources/unsubscribe": remove,
  end: remove,
});

const lifecycle = mapOf({
  start: { id: 3, name: "Start" },
  stop: { id: 4, name: "Stop" },
  reload: { id: 8, name: "Update" },
});

const statuses = {
  success: { status_id: 1, status: "Success" },
  failure: { status_id: 2, status: "Failure" },
  unknown: { status_id: 0, status: "Unknown" },
} as const;

const severities = {
  informational: { severity_id: 1, severity: "Informational" },
  low: { severity_id: 2, severity: "Low" },
  medium: { severity_id: 3, severity: "Medium" },
} as const;

/** Of the profile Security Control. */
const controls = {
  allow: { action_id: 1, action: "Allowed", disposition_id: 1, disposition: "Allowed" },
  deny: { action_id: 2, action: "Denied", disposition_id: 2, disposition: "Blocked" },
} as const;

/** One JSON object on one line, with its newline. */
export function renderOcsf(record: AuditRecord, version: string): string {
  const { decision, note } = record;
  const ofGateway = isOfGateway(record);
  const uid = ofGateway ? 6002 : 6003;
  const name = ofGateway ? "Application Lifecycle" : "API Activity";
  // What is neither has the name that its source gives it.
  const activity = (ofGateway ? lifecycle : activities).get(actionOf(record)) ?? { id: 99, name: actionOf(record) };
  const product = { name: "Sallyport", vendor_name: "Sallyport", version };
  return `${JSON.stringify(
    compact({
      time: Date.parse(record.time),
      category_uid: 6,
      category_name: "Application Activity",
      class_uid: uid,
      class_name: name,
      activity_id: activity.id,
      activity_name: activity.name,
      type_uid: uid * 100 + activity.id,
      type_name: `${name}: ${activity.name}`,
      ...severities[severityOf(record)],
      ...statuses[outcomeOf(record)],
      status_code: decision.reason,
      status_detail: decision.detail,
      message: summarize(record),
      metadata: {
        version: "1.6.0",
        product,
        profiles: ["security_control"],
        log_name: "audit",
        event_code: record.event,
        original_time: record.time,
        uid: record.hash,
        correlation_uid: record.id,
        sequence: record.seq,
      },
      ...(ofGateway ? { app: product } : describeCall(record)),
      ...(decision.effect === null ? {} : controls[decision.effect]),
      policy:
        decision.rule === null
          ? null
          : { name: decision.rule, uid: decision.policy, version: decision.policies, is_applied: true },
      unmapped: {
        trail: record.trail,
        ...describeRest(record),
        note: asText(note),
        checkpoint: record.checkpoint,
      },
    }),
  )}\n`;
}

function describeCall(record: AuditRecord): object {
  const { id, peer, identity, person, server, target, session, decision, outcome, bytes, ms } = record;
  return {
    actor: {
      user:
        identity === null
          ? { name: "Unknown", uid_alt: person, type_id: 0, type: "Unknown" }
          : {
              name: identity.subject,
              uid: identity.subject,
              uid_alt: person,
              domain: identity.issuer,
              groups: identity.groups.map((name) => ({ name })),
            },
      app_uid: identity?.client,
      idp: { name: identity?.issuer },
      session: { uid: session },
    },
    src_endpoint: { ip: peer?.ip },
    dst_endpoint: { svc_name: server },
    api: {
      operation: actionOf(record),
      service: { name: server },
      request: { uid: id },
      response: {
        code: outcome.rpc,
        error: decision.reason,
        error_message: decision.detail,
      },
    },
    http_request: { uid: id, body_length: bytes.in },
    http_response:
      outcome.http === null ? null : { code: outcome.http, body_length: bytes.out, latency: Math.round(ms.total) },
    resources: target?.name == null ? [] : [{ name: target.name, type: target.kind }],
  };
}

function describeRest({ era, peer, identity, args, decision, outcome, ms }: AuditRecord): object {
  return {
    era,
    proxied: peer?.proxied,
    via: identity?.via,
    args_digest: args?.digest,
    args: asText(args?.view),
    policies: decision.policies,
    shadow: decision.shadow,
    tool_error: outcome.tool_error,
    upstream_status: outcome.upstream,
    upstream_ms: ms.upstream,
  };
}

function mapOf(activitiesByName: Readonly<Record<string, Activity>>): ReadonlyMap<string, Activity> {
  return new Map(Object.entries(activitiesByName));
}
