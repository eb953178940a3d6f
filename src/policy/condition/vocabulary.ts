import type { CelInput } from "@bufbuild/cel";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Target } from "../../mcp/methods.ts";
import type { Circumstances, PolicySubject } from "../facts.ts";
import { mapOf, readValue } from "./values.ts";

type Member = readonly [name: string, value: CelInput];

/**
 * The variables of conditions with their values. Each is made when a condition names it, since most name one; as a class, since
 * an object that is written with getters is slow to make.
 */
export class Vocabulary {
  readonly #subject: PolicySubject;
  readonly #server: string;
  readonly #target: Target;
  readonly #circumstances: Circumstances;
  readonly #annotations: unknown;
  readonly #withArguments: boolean;
  #identity: CelInput | undefined;
  #mcp: CelInput | undefined;

  /**
   * @param annotations of the tool, if it is one
   * @param withArguments they may be large, and most conditions do not ask for them
   */
  constructor(
    subject: PolicySubject,
    server: string,
    target: Target,
    circumstances: Circumstances,
    annotations: unknown,
    withArguments: boolean,
  ) {
    this.#subject = subject;
    this.#server = server;
    this.#target = target;
    this.#circumstances = circumstances;
    this.#annotations = annotations;
    this.#withArguments = withArguments;
  }

  get jwt(): CelInput {
    return readClaims(this.#subject.claims);
  }

  get identity(): CelInput {
    const { issuer, subject, client, groups, via, scopes } = this.#subject;
    this.#identity ??= mapOf(
      Object.entries({ issuer, subject, client, groups: [...groups], via, scopes: [...scopes] }),
    );
    return this.#identity;
  }

  get mcp(): CelInput {
    this.#mcp ??= this.#renderRequest();
    return this.#mcp;
  }

  get server(): CelInput {
    return mapOf([["name", this.#server]]);
  }

  get peer(): CelInput {
    return mapOf([["ip", this.#circumstances.ip]]);
  }

  get now(): CelInput {
    const { nowMs } = this.#circumstances;
    return timestampFromMs(Number.isFinite(nowMs) ? nowMs : 0);
  }

  #renderRequest(): CelInput {
    const target = this.#target;
    const { call } = this.#circumstances;
    const method: Member = ["method", call?.method ?? ""];
    if (target.kind === "resource") return mapOf([method, ["resource", mapOf([["uri", target.name]])]]);
    if (target.kind !== "tool" && target.kind !== "prompt") return mapOf([method]);
    const members: Member[] = [["name", target.name]];
    if (this.#withArguments) members.push(["arguments", readValue(call?.args ?? {})]);
    if (target.kind === "tool") members.push(["annotations", readValue(this.#annotations ?? {})]);
    return mapOf([method, [target.kind, mapOf(members)]]);
  }
}

const claimsRead = new WeakMap<object, CelInput>();

/** The same claims are asked about again and again. */
function readClaims(claims: PolicySubject["claims"]): CelInput {
  const known = claimsRead.get(claims);
  if (known !== undefined) return known;
  const read = readValue(claims);
  claimsRead.set(claims, read);
  return read;
}
