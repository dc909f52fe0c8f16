/** A node's answers and tokens. */
export interface Given {
  readonly answers: number;
  readonly tokens: number;
}

/** The facts on the status line. */
export interface StatusFacts {
  /** What keeps the mesh from using this node, with what to do; undefined when nothing does. */
  readonly trouble: string | undefined;
  readonly models: number;
  /** Running generations. */
  readonly active: number;
  /** Waiting generations. */
  readonly waiting: number;
  /** Over the last seconds. */
  readonly tokensPerSecond: number;
  /** Since this start. */
  readonly given: Given;
  /** Since the first start; undefined when unknown. */
  readonly allTime: Given | undefined;
}

export function toStatus({
  trouble,
  models,
  active,
  waiting,
  tokensPerSecond,
  given,
  allTime,
}: StatusFacts): string {
  return [
    ...(trouble === undefined ? [] : [trouble.replace(/\.$/, "")]),
    plural(models, "model"),
    `${count(active)} active${waiting === 0 ? "" : `, ${count(waiting)} waiting`}`,
    `${tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : count(Math.round(tokensPerSecond))} tokens/s`,
    `earned ${plural(given.tokens, "token")} in ${plural(given.answers, "answer")}`,
    ...(allTime === undefined || allTime.answers === given.answers
      ? []
      : [`all time ${count(allTime.tokens)} in ${count(allTime.answers)}`]),
  ].join(" · ");
}

const plural = (number: number, noun: string): string => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** With a comma between thousands. */
const count = (number: number): string => number.toLocaleString("en-US");
