import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startField } from "./candidates.ts";
import type { Entry } from "./comparisons.ts";
import { perCall, percent, renderFlame } from "./flame.ts";
import { connectInspector, inspectorArgs } from "./inspector.ts";
import { names } from "./names.ts";
import { renderRows } from "./report.ts";
import { type Extent, measureEntry } from "./rounds.ts";
import { addUp, type CpuProfile, type Frame, sumSelf } from "./stacks.ts";

/** Microseconds. Finer than the default, for a call takes no longer than a few of them. */
const samplingInterval = 200;
/** Times as long as the load that is profiled. */
const warmUp = 4;
const shownFiles = 25;

/** Where the files of a profile are, and its table. */
export interface Profiled {
  readonly files: readonly string[];
  /** Self time by source file, as a table in Markdown. */
  readonly table: string;
}

/**
 * Runs a Sallyport under load once and finds out where its time goes.
 *
 * @param out directory for the files; a new temporary one where null
 * @throws Error when what is to be profiled is no Sallyport
 */
export async function profile(
  entry: Entry,
  extent: Pick<Extent, "connections" | "seconds">,
  out: string | null,
): Promise<Profiled> {
  const field = await startField([entry], inspectorArgs);
  try {
    const candidate = field.candidates.get(entry.candidate);
    const target = entry.scene.tls ? candidate?.tls : candidate;
    if (target?.gateway == null) throw new Error(`${names[entry.candidate]} is not Sallyport, so it has no profile`);
    // Before the load: what the process says at its start is not kept for ever.
    const inspector = await connectInspector(target.gateway);
    await measureEntry(field, entry, { ...extent, seconds: warmUp * extent.seconds });
    await inspector.send("Profiler.enable");
    await inspector.send("Profiler.setSamplingInterval", { interval: samplingInterval });
    await inspector.send("Profiler.start");
    const measured = await measureEntry(field, entry, extent);
    const taken = (await inspector.send("Profiler.stop")) as { profile: CpuProfile };
    await inspector.close();
    const calls = measured?.answered ?? 0;
    const root = addUp(taken.profile, new URL("../", import.meta.url).href);
    const title = `${names[entry.candidate]}: ${entry.scene.name}, ${calls.toLocaleString("en")} calls, ${perCall(root.totalUs, calls)} µs each`;
    const directory = out ?? (await mkdtemp(join(tmpdir(), "sallyport-profile-")));
    await mkdir(directory, { recursive: true });
    const files = [join(directory, "flame.svg"), join(directory, "sallyport.cpuprofile")] as const;
    await writeFile(files[0], renderFlame(root, title, calls));
    await writeFile(files[1], JSON.stringify(taken.profile));
    return { files, table: `${title}\n\n${renderSelfTime(root, calls)}` };
  } finally {
    await field.stop();
  }
}

function renderSelfTime(root: Frame, calls: number): string {
  const sums = sumSelf(root, ({ owner }) => owner);
  const shown = sums.slice(0, shownFiles);
  const rest = sums.slice(shownFiles).reduce((sum, [, us]) => sum + us, 0);
  const rows = [...shown, [`${sums.length - shown.length} others`, rest] as const].map(([file, us]) => [
    file,
    perCall(us, calls),
    percent(us, root.totalUs),
  ]);
  return renderRows(["self time in", "µs a call", "of all"], rows);
}
