/** The page of one's own account, without scripts. Pure. */
import { escapeHtml, renderPage } from "../pages.ts";

/** What the page says. */
export interface AccountPage {
  readonly user: string;
}

/** Where people see what they have. */
export function renderAccount({ user }: AccountPage): string {
  return renderPage(
    "Your account",
    `<h1>Your account</h1>
<p>You are logged in as <strong>${escapeHtml(user)}</strong>.</p>`,
  );
}
