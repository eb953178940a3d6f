import { type Frame, moduleOf, sumSelf } from "./stacks.ts";

const width = 1_600;
const rowHeight = 17;
const margin = 10;
const charWidth = 6.6;
/** What is narrower cannot be seen. */
const leastWidth = 0.4;
const legendColumns = 4;
const legendEntries = 20;

/**
 * A flame graph as an SVG that needs nothing else: callers below, what they call above them, as wide as it takes; browsers show
 * the whole name and the times of what the pointer is on. Colours are those of modules.
 *
 * @param calls how many calls the time is of
 */
export function renderFlame(root: Frame, title: string, calls: number): string {
  const modules = sumSelf(root, ({ file }) => moduleOf(file));
  const colours = pickColours(modules.map(([module]) => module));
  const legendHeight = Math.ceil(Math.min(modules.length, legendEntries) / legendColumns) * rowHeight + rowHeight;
  const top = margin + 2 * rowHeight + legendHeight;
  const bottom = top + depthOf(root) * rowHeight;
  const scale = (width - 2 * margin) / Math.max(1, root.totalUs);
  const boxes: string[] = [];
  const draw = (frame: Frame, x: number, depth: number) => {
    const boxWidth = frame.totalUs * scale;
    if (boxWidth < leastWidth) return;
    const box = { x, y: bottom - (depth + 1) * rowHeight, width: boxWidth };
    boxes.push(renderBox(frame, box, colours.get(moduleOf(frame.file)) ?? grey, root.totalUs, calls));
    let at = x;
    for (const callee of frame.callees) {
      draw(callee, at, depth + 1);
      at += callee.totalUs * scale;
    }
  };
  draw(root, margin, 0);
  const legend = modules.slice(0, legendEntries).map(([module, us], index) => {
    const x = margin + (index % legendColumns) * ((width - 2 * margin) / legendColumns);
    const y = margin + 2 * rowHeight + Math.floor(index / legendColumns) * rowHeight;
    const text = `${module}: ${perCall(us, calls)} µs, ${percent(us, root.totalUs)}`;
    return `<rect x="${x}" y="${y}" width="12" height="12" fill="${colours.get(module) ?? grey}"/><text x="${x + 18}" y="${y + 10}">${asXml(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + margin}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${margin}" y="${margin + 12}" font-size="14">${asXml(title)}</text>
${legend.join("\n")}
${boxes.join("\n")}
</svg>
`;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

function renderBox(frame: Frame, { x, y, width: boxWidth }: Box, fill: string, allUs: number, calls: number): string {
  const { name, file, line, selfUs, totalUs } = frame;
  const place = file.startsWith("V8") ? file : `${file}:${line}`;
  const words = `${name} (${place})
${perCall(totalUs, calls)} µs a call, ${percent(totalUs, allUs)}; in itself ${perCall(selfUs, calls)} µs`;
  const room = Math.floor((boxWidth - 4) / charWidth);
  const label = room < 3 ? "" : name.length > room ? `${name.slice(0, room - 1)}…` : name;
  const text = label === "" ? "" : `<text x="${round(x + 2)}" y="${y + 12}">${asXml(label)}</text>`;
  return `<g><title>${asXml(words)}</title><rect x="${round(x)}" y="${y}" width="${round(boxWidth)}" height="${rowHeight - 1}" fill="${fill}"/>${text}</g>`;
}

const grey = "#d0d0d0";

/** Own code is warm, what others wrote cold, the engine grey. */
function pickColours(modules: readonly string[]): ReadonlyMap<string, string> {
  const own = modules.filter((module) => module.startsWith("src"));
  const others = modules.filter((module) => !module.startsWith("src") && module !== "V8");
  return new Map([...spread(own, 0, 75), ...spread(others, 130, 150), ["V8", grey] as const]);
}

function spread(modules: readonly string[], firstHue: number, hues: number): (readonly [string, string])[] {
  // Steps of the golden ratio set those that follow each other apart, however many there are.
  const hueOf = (index: number) => firstHue + ((index * 0.618) % 1) * hues;
  return modules.map((module, index) => [module, `hsl(${hueOf(index).toFixed(0)} 75% 70%)`]);
}

function depthOf({ callees }: Frame): number {
  return 1 + callees.reduce((deepest, callee) => Math.max(deepest, depthOf(callee)), 0);
}

/** Microseconds of one call. */
export function perCall(us: number, calls: number): string {
  return (us / calls).toFixed(2);
}

/** A share of all time. */
export function percent(us: number, allUs: number): string {
  return `${((us / allUs) * 100).toFixed(1)} %`;
}

function round(value: number): string {
  return value.toFixed(2);
}

function asXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
