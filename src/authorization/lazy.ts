/** The authorization server, set up when somebody asks it for the first time. */
import type { Desk } from "./desk.ts";
import { serves } from "./paths.ts";

/**
 * @param load sets it up; whoever asks meanwhile waits for the same try, and where that fails the next request is another one
 */
export function createLazyDesk(load: () => Promise<Desk>): Desk {
  let desk: Promise<Desk> | null = null;
  return {
    serves,
    async answer(request) {
      desk ??= load().catch((error: unknown) => {
        desk = null;
        throw error;
      });
      return (await desk).answer(request);
    },
  };
}
