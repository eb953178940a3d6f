/** The pages of one's own account. */
import { renderProblem } from "../pages.ts";
import { accountPath, backPath } from "../paths.ts";
import { type PageKit, send } from "../visit.ts";
import { renderAccount } from "./pages.ts";
import { type AccountVisit, admit, comeBack } from "./visitor.ts";

/** Answers a request below {@link accountPath}; whatever goes wrong ends on a page as well. */
export async function serveAccount(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, response, path, note } = visit;
  try {
    if (request.method !== "GET") return void response.writeHead(405, { allow: "GET" }).end();
    if (path === backPath) return comeBack(kit, visit);
    if (path !== accountPath) return send(response, 404, renderProblem("There is no such page", "Go back."), []);
    const visitor = await admit(kit, visit, accountPath);
    if (visitor === null) return;
    note.action = "account-page";
    send(response, 200, renderAccount({ user: visitor.account.name }), []);
  } catch (error) {
    Object.assign(note, { successful: false, reason: "server_error" });
    kit.report(error as Error);
    send(response, 500, renderProblem("This did not work", "Try again later."), []);
  }
}
