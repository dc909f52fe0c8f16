import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Transcript } from "../../transcript.ts";
import { type Attempt, type Finding, type Question, refuted, says, shownIf, type Trial } from "../trial.ts";

const question = { messages: says("Tell me a short story.") };
const wholeTokens = 24;

/** Characters that have to agree when continuing from text: a cut between tokens may change what comes later. */
const sameCharacters = 8;

/** An answer that was cut is continued, from its tokens exactly or from its text, and not started again. */
export const resume: Attempt = async (trial) => {
  const whole = await trial.ask(question, wholeTokens);
  return trial.served.capabilities?.resume === Capabilities_Resume.TOKENS
    ? fromTokens(trial, whole)
    : fromText(trial, whole.text);
};

async function fromTokens(trial: Trial, whole: Transcript): Promise<Finding> {
  if (whole.tokenIds.length < 2) return refuted("its answers come without token ids");
  const half = whole.tokenIds.length / 2;
  let text = "";
  const tokenIds: number[] = [];
  for (const delta of whole.deltas) {
    if (tokenIds.length >= half) break;
    text += delta.text;
    for (const id of delta.tokenIds) tokenIds.push(id);
  }
  const { fingerprint } = trial.served;
  const rest = await continueFrom(trial, { tokenIds: [...tokenIds], text, fingerprint });
  const same = [...tokenIds, ...rest.tokenIds].join() === whole.tokenIds.join();
  return shownIf(same && text + rest.text === whole.text, "an answer was not continued exactly");
}

async function fromText(trial: Trial, whole: string): Promise<Finding> {
  const cuts = [...whole.matchAll(/\S(?=\s)/g)].map(({ index }) => index + 1);
  // Two cuts, in case one falls badly.
  for (const cut of [cuts[Math.floor(cuts.length / 3)], cuts[cuts.length >> 1]]) {
    if (cut === undefined) break;
    const { text } = await continueFrom(trial, { text: whole.slice(0, cut) });
    const [expected, came] = [whole.slice(cut), text].map((rest) => rest.slice(0, sameCharacters));
    if (came === expected) return shownIf(true, "");
  }
  return refuted("an answer was not continued from where it was cut");
}

const continueFrom = (trial: Trial, point: NonNullable<Question["resume"]>): Promise<Transcript> =>
  trial.ask({ ...question, resume: point }, wholeTokens);
