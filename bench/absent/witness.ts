import { renderWitness } from "./parts.ts";

/**
 * A stand-in that nobody calls would have the whole gateway measured in its place, so each says when it is first called.
 *
 * @param module what it stands in for
 * @returns to be called for each call
 */
export function createWitness(module: string): () => void {
  let seen = false;
  return () => {
    if (seen) return;
    seen = true;
    process.stderr.write(renderWitness(module));
  };
}
