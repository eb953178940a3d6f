/** The tools of the stub: every other one has a name that the policy of the bench allows. */
export const listedTools = 500;
export const allowedPrefix = "get-";

/** The result of `tools/list`, as a server with many tools sends it: some 450 bytes for each. */
export function renderToolList(): string {
  return JSON.stringify({ tools: Array.from({ length: listedTools }, (_, index) => describeTool(index)) });
}

function describeTool(index: number): object {
  const name = `${index % 2 === 0 ? allowedPrefix : "set-"}measurement-${index}`;
  return {
    name,
    title: `Measurement ${index}`,
    description: `Works on measurement ${index} of a station: its value, its unit, and when it was taken.`,
    inputSchema: {
      type: "object",
      properties: {
        station: { type: "string", description: "Name of the station" },
        since: { type: "string", format: "date-time", description: "From when on" },
        most: { type: "integer", minimum: 1, maximum: 1_000, description: "How many, the latest first" },
      },
      required: ["station"],
    },
  };
}
