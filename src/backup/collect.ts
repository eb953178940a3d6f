/** What belongs into a backup. */
import { dirname, join } from "node:path";
import { checkpointSuffix } from "../audit/files/layout.ts";
import { holdPath } from "../audit/keep/hold.ts";
import { sanitizeText } from "../audit/sanitize/sanitize.ts";
import { openConfig } from "../config/open.ts";
import { loadParts } from "../config/parts.ts";
import { expandPatterns } from "../policy/files.ts";
import { storeName } from "../state/sqlite-store.ts";
import { BackupError } from "./fault.ts";
import { placeOf } from "./layout.ts";
import { type FileKind, isContained, type TrailHead } from "./manifest.ts";
import { openSource, type Source } from "./sources.ts";
import { openIfThere, openState } from "./state.ts";
import { isStoreFile, openStore } from "./store.ts";
import { openTrails } from "./trails.ts";

/** Everything that a backup of one configuration holds, opened. */
export interface Collection {
  /** Absolute paths: of the configuration's directory, the configuration, and the two directories that it names. */
  readonly directory: string;
  readonly config: string;
  readonly state: string;
  readonly audit: string;
  readonly sources: readonly Source[];
  readonly trails: readonly TrailHead[];
  /** What somebody should know about it. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens what a configuration and its gateway consist of: the configuration, policies and suites, keys and whatever else is in
 * the state directory, the trails, and the legal hold on them. Of certificates and files with secrets only the references are in it.
 *
 * @throws ConfigError when the configuration does not say where things are; BackupError when they are not there
 */
export async function collect(configFile: string): Promise<Collection> {
  const { file, directory } = await openConfig(configFile);
  const { policies, state, audit } = await loadParts(configFile, ["policies", "state", "audit"]);
  const { files, suites, faults } = await expandPatterns(policies.files, directory);
  const [fault] = faults;
  if (fault !== undefined) throw new BackupError(`policies: ${policies.files[fault.index]}: ${fault.message}`);
  const sources: Source[] = [];
  const close = async () => {
    for (const { handle } of sources) await handle.close();
  };
  try {
    const add = async (paths: readonly string[], kind: FileKind) => {
      for (const path of paths) sources.push(await openSource(path, kind, true));
    };
    await add([file], "config");
    await add(files, "policy");
    await add(suites, "suite");
    const without = new Set([audit.directory, ...sources.map(({ path }) => path)]);
    const isCheckpoint = (name: string) => name.endsWith(checkpointSuffix(audit.directory));
    // Before the trails, so that none is shorter than its checkpoint says.
    await openState(state.directory, without, sources, isCheckpoint);
    const hold = await openIfThere(holdPath(audit.directory));
    if (hold !== null) sources.push(hold);
    const trails = await openTrails(audit.directory);
    sources.push(...trails.flatMap((trail) => trail.sources));
    // Behind them, since a key is stored before anything is encrypted with it.
    await openState(state.directory, without, sources, (name) => !isCheckpoint(name) && !isStoreFile(name));
    const store = await openStore(join(state.directory, storeName));
    if (store !== null) sources.push(store);
    if (!sources.some(({ path }) => path === join(state.directory, "keys.json"))) {
      throw new BackupError(`there are no keys in ${state.directory} yet: the first start makes them`);
    }
    refuseOddPlaces(sources, directory);
    return {
      ...{ directory, config: file, state: state.directory, audit: audit.directory, sources, close },
      trails: trails.flatMap(({ head }) => head ?? []),
      warnings: trails.flatMap(({ head, sources: [first] }) =>
        head === null && first !== undefined && first.bytes > 0
          ? [`${dirname(first.path)}: the end of a trail does not verify; see \`sallyport audit verify\``]
          : [],
      ),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Two files may have one place, where a directory beside the configuration is called `elsewhere` as well; and some names are not restored. */
function refuseOddPlaces(sources: readonly Source[], directory: string): void {
  const places = new Map<string, string>();
  for (const { path } of sources) {
    const place = placeOf(directory, path);
    if (!isContained(place)) {
      throw new BackupError(
        `${sanitizeText(path)}: a backslash, and characters that are not seen, have no place in the names of a backup`,
      );
    }
    const twin = places.get(place);
    if (twin !== undefined) throw new BackupError(`${path} and ${twin} would have the same place in a backup`);
    places.set(place, path);
  }
}
