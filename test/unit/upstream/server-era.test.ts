import { describe, expect, it } from "vitest";
import type { EraFinding } from "../../../src/upstream/probe.ts";
import { alwaysLegacy, createServerEra, type ServerEra } from "../../../src/upstream/server-era.ts";

const unknown: EraFinding = { era: "unknown" };
const legacy: EraFinding = { era: "legacy" };
const modern: EraFinding = { era: "modern", supported: ["2026-07-28"] };

/** A server whose answers are given by hand, and a clock that is set by hand. */
interface Scene {
  readonly era: ServerEra;
  readonly asked: number;
  nowMs: number;
  answer(finding: EraFinding): void;
  fail(): void;
}

function setScene(): Scene {
  let open = Promise.withResolvers<EraFinding>();
  let asked = 0;
  const scene: Scene = {
    nowMs: -7,
    get asked() {
      return asked;
    },
    era: createServerEra(
      () => {
        asked += 1;
        return open.promise;
      },
      () => scene.nowMs,
    ),
    answer(finding: EraFinding) {
      open.resolve(finding);
      open = Promise.withResolvers();
    },
    fail() {
      open.reject(new Error("no"));
      open = Promise.withResolvers();
    },
  };
  return scene;
}

/** A scene in which the server has answered once. */
async function learn(finding: EraFinding): Promise<Scene> {
  const scene = setScene();
  const found = scene.era.find();
  scene.answer(finding);
  await found;
  return scene;
}

describe("the era of a server", () => {
  it("is not known before somebody asks", () => {
    const scene = setScene();
    expect(scene.era.known).toEqual(unknown);
    expect(scene.asked).toBe(0);
  });

  it("is asked for once, however many wait", async () => {
    const scene = setScene();
    const waiting = [scene.era.find(), scene.era.find(), scene.era.find()];
    expect(scene.asked).toBe(1);
    expect(scene.era.known).toEqual(unknown);
    scene.answer(modern);
    expect(await Promise.all(waiting)).toEqual([modern, modern, modern]);
    expect(scene.era.known).toEqual(modern);
    expect(await scene.era.find()).toEqual(modern);
    expect(scene.asked).toBe(1);
  });

  it.each<[string, EraFinding, number, boolean]>([
    ["modern", modern, Number.MAX_SAFE_INTEGER, false],
    ["legacy", legacy, 29_999, false],
    ["legacy", legacy, 30_000, true],
    ["unknown", unknown, 4_999, false],
    ["unknown", unknown, 5_000, true],
  ])("%s is kept: asked again after so many milliseconds", async (_name, finding, laterMs, again) => {
    const scene = await learn(finding);
    scene.nowMs += laterMs;
    const found = scene.era.find();
    expect(scene.asked).toBe(again ? 2 : 1);
    scene.answer(modern);
    expect(await found).toEqual(again ? modern : finding);
  });

  it.each<[string, EraFinding]>([
    ["legacy", legacy],
    ["unknown", unknown],
  ])("%s is asked again when the clock was set back", async (_name, finding) => {
    const scene = await learn(finding);
    scene.nowMs -= 3_600_000;
    const found = scene.era.find();
    scene.answer(modern);
    expect(await found).toEqual(modern);
  });

  it("lasts from the answer, not from the question", async () => {
    const scene = setScene();
    const found = scene.era.find();
    scene.nowMs += 30_000;
    scene.answer(legacy);
    await found;
    scene.nowMs += 29_999;
    expect(await scene.era.find()).toEqual(legacy);
    expect(scene.asked).toBe(1);
  });

  it("is asked for again once it is in doubt, and known as before until then", async () => {
    const scene = await learn(modern);
    scene.era.doubt();
    expect(scene.era.known).toEqual(modern);
    expect(scene.asked).toBe(1);
    const waiting = [scene.era.find(), scene.era.find()];
    expect(scene.asked).toBe(2);
    scene.answer(legacy);
    expect(await Promise.all(waiting)).toEqual([legacy, legacy]);
    expect(scene.era.known).toEqual(legacy);
  });

  it("is unknown after a question that failed, for a while and no longer", async () => {
    const scene = setScene();
    const waiting = [scene.era.find(), scene.era.find()];
    scene.fail();
    expect(await Promise.all(waiting)).toEqual([unknown, unknown]);
    expect(await scene.era.find()).toEqual(unknown);
    expect(scene.asked).toBe(1);
    scene.nowMs += 5_000;
    const found = scene.era.find();
    scene.answer(modern);
    expect(await found).toEqual(modern);
  });

  it("is no longer what it was after a question that failed", async () => {
    const scene = await learn(modern);
    scene.era.doubt();
    const found = scene.era.find();
    scene.fail();
    expect(await found).toEqual(unknown);
    expect(scene.era.known).toEqual(unknown);
  });
});

it("of a server that is spoken to in the way of 2024-11-05 needs no question", async () => {
  alwaysLegacy.doubt();
  expect(alwaysLegacy.known).toEqual(legacy);
  expect(await alwaysLegacy.find()).toEqual(legacy);
});
