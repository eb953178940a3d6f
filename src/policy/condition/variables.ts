import type { FactName } from "../facts.ts";
import type { Fact, Members, Type } from "./types.ts";

const fact = (name: FactName, type: Type): Fact => ({ type, fact: name });
export const anyMap: Type = { map: "dyn" };
const texts: Type = { list: "string" };

/** Everything that a condition can name. */
export const variables: Members = {
  jwt: fact("claims", anyMap),
  identity: {
    members: {
      issuer: "string",
      subject: "string",
      client: "dyn",
      groups: texts,
      via: "string",
      scopes: fact("claims", texts),
    },
  },
  mcp: {
    members: {
      method: fact("method", "string"),
      tool: {
        members: {
          name: fact("toolName", "string"),
          arguments: fact("toolArguments", anyMap),
          annotations: fact("annotations", anyMap),
        },
      },
      prompt: { members: { name: fact("promptName", "string"), arguments: fact("promptArguments", anyMap) } },
      resource: { members: { uri: fact("uri", "string") } },
    },
  },
  server: { members: { name: "string" } },
  peer: { members: { ip: fact("ip", "string") } },
  now: fact("now", "timestamp"),
};
