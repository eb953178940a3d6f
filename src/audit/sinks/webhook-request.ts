/** Records as the body of a webhook's request. Pure. */

export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The lines as they are, one after the other, each with its newline. The key is the same for the same lines: trail and numbers of
 * the first and last record, as a text of RFC 8941 (draft-ietf-httpapi-idempotency-key-header).
 *
 * @param lines at least one, of one trail, without their newlines
 */
export function renderWebhook(lines: readonly string[]): WebhookRequest {
  const { trail, seq: first } = placeOf(lines[0]);
  const { seq: last } = placeOf(lines.at(-1));
  return {
    headers: { "content-type": "application/x-ndjson", "idempotency-key": `"${trail}-${first}-${last}"` },
    body: `${lines.join("\n")}\n`,
  };
}

function placeOf(line = ""): { readonly trail: string; readonly seq: number } {
  return JSON.parse(line) as { trail: string; seq: number };
}
