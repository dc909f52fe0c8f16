// Work that takes tens of milliseconds, such as parsing megabytes, gives way to everything else before the next piece.

interface Piece {
  run(): void;
}

const waiting: Piece[] = [];

/**
 * Runs `work` in a turn of the event loop that it shares with no other such work, after the ones that came before. Its
 * cost in one turn should be below 50 ms. Rejects with what it throws.
 */
export function inOwnTurn<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const piece = {
      run() {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      },
    };
    if (waiting.push(piece) === 1) setImmediate(runNext);
  });
}

/** From this size on, in bytes, work on a text is worth a turn of its own. */
const largeBytes = 256 * 1024;

/** Does work on so many bytes: at once, unless they are many. Throws or rejects as it does. */
export const inTurnFor = <T>(bytes: number, work: () => T): T | Promise<T> =>
  bytes < largeBytes ? work() : inOwnTurn(work);

/** All immediates that are set before a turn run in that turn, so there is one at a time. */
function runNext(): void {
  waiting[0]!.run();
  waiting.shift();
  if (waiting.length > 0) setImmediate(runNext);
}
