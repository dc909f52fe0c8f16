/** The value of a flag that counts something, from 1 to 100,000. Throws when it is none. */
export function count(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new Error(`${flag} takes a whole number from 1 to 100000, not "${text}".`);
  return value;
}
