/** What the library is to answer while the state cannot be asked: that its client, or its user, may come again soon (RFC 9110 section 15.6.4). */
import type { IncomingMessage } from "node:http";
import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";
import { StoreError } from "../state/store.ts";
import { pageHeaders, renderProblem } from "./pages/pages.ts";
import { isPage } from "./paths.ts";

/** In seconds: a state that is back is found within one. */
export const retryAfter = "1";

const said = {
  error: "temporarily_unavailable",
  error_description: "the gateway cannot read its own state at the moment; try again",
};

/**
 * Clients take a 500 for a fault that stays, and have their user log in anew; by a 503 they know that a token which was to be revoked is still
 * good (RFC 7009 section 2.2.1). To be called before anything else looks at answers of the library, whatever of that fails is answered too.
 */
export function answerOutages(provider: Provider): void {
  const met = new WeakSet<IncomingMessage>();
  provider.on("server_error", (ctx, error) => {
    if (error instanceof StoreError) met.add(ctx.req);
  });
  provider.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      provider.emit("server_error", ctx as KoaContextWithOIDC, error);
    }
    if (!met.has(ctx.req)) return;
    ctx.remove("location");
    ctx.status = 503;
    ctx.set({ "retry-after": retryAfter, "cache-control": "no-store" });
    if (isPage(ctx.path)) {
      ctx.set({ ...pageHeaders([]) });
      ctx.body = renderProblem("This did not work", "Try again later.");
    } else ctx.body = said;
  });
}
