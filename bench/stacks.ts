/** A profile of V8, as `Profiler.stop` of the Chrome DevTools protocol gives it and a .cpuprofile file holds it. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of the nodes that were running. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** A function, as called by those above it. */
export interface Frame {
  readonly name: string;
  /** Where it is written: `src/…`, `node_modules/…`, `node:…`, or `V8` for what is in no file. */
  readonly file: string;
  /** The file that its self time counts for: for what is built in, the one that calls it. */
  readonly owner: string;
  /** From 1; 0 where there is none. */
  readonly line: number;
  /** Microseconds in it alone, and in it with all that it calls. */
  readonly selfUs: number;
  readonly totalUs: number;
  /** The costliest first. */
  readonly callees: readonly Frame[];
}

const builtIn = "V8, built in";
/** Waiting is no work. */
const idle = "(idle)";

/**
 * Adds a profile up, without the time in which nothing ran.
 *
 * @param project URL of its directory, with a slash at its end
 * @throws Error when the profile has no root
 */
export function addUp({ nodes, samples, timeDeltas }: CpuProfile, project: string): Frame {
  const selfUs = new Map<number, number>();
  // A sample stands for the time until the next one; what comes before the first is nobody's.
  for (const [index, id] of samples.entries())
    selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const build = ({ id, callFrame, children = [] }: ProfileNode, caller: string): Frame => {
    const { functionName, url, lineNumber } = callFrame;
    const name = functionName || "(anonymous)";
    const file = nameFile(url, name, project);
    const owner = file === builtIn ? caller : file;
    const callees = children
      .flatMap((child) => byId.get(child) ?? [])
      .filter((child) => child.callFrame.functionName !== idle)
      .map((child) => build(child, owner))
      .sort((a, b) => b.totalUs - a.totalUs);
    const self = selfUs.get(id) ?? 0;
    const totalUs = callees.reduce((sum, callee) => sum + callee.totalUs, self);
    return { name, file, owner, line: lineNumber + 1, selfUs: self, totalUs, callees };
  };
  const [root] = nodes;
  if (root === undefined) throw new Error("the profile is empty");
  return build(root, builtIn);
}

function nameFile(url: string, functionName: string, project: string): string {
  if (url === "") return functionName.startsWith("(") ? `V8 ${functionName}` : builtIn;
  return url.startsWith(project) ? url.slice(project.length) : url;
}

/** What files are put together in colours: `src/audit`, `node_modules/undici`, `node:http`, `V8`. */
export function moduleOf(file: string): string {
  if (file.startsWith("V8")) return "V8";
  if (file.startsWith("node:")) return file.startsWith("node:internal/") ? file.split("/", 2).join("/") : file;
  const parts = file.split("/");
  const depth = parts[0] === "node_modules" && parts[1]?.startsWith("@") ? 3 : 2;
  return parts.length > depth ? parts.slice(0, depth).join("/") : (parts[0] ?? file);
}

/** Self time by a property of frames, the costliest first. */
export function sumSelf(root: Frame, keyOf: (frame: Frame) => string): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>();
  const visit = (frame: Frame) => {
    const key = keyOf(frame);
    sums.set(key, (sums.get(key) ?? 0) + frame.selfUs);
    frame.callees.forEach(visit);
  };
  visit(root);
  return [...sums].filter(([, us]) => us > 0).sort(([, a], [, b]) => b - a);
}
