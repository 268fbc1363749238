/** Work on what is read, some pieces ahead of whoever takes it, so that reading, joining and publishing overlap. Pure of IO. */

/**
 * In order; at most `ahead` pieces are worked on or done beyond the one that was taken. What fails is thrown when its turn comes. Whoever
 * stops taking ends the source.
 */
export async function* mapAhead<In, Out>(
  source: AsyncIterable<In>,
  ahead: number,
  work: (one: In) => Promise<Out>,
): AsyncGenerator<Out, void, void> {
  const pieces = source[Symbol.asyncIterator]();
  const coming: Promise<{ readonly out: Out } | undefined>[] = [];
  let ended = false;
  // A piece is read behind the one before it, and worked on beside it.
  let read: Promise<IteratorResult<In> | undefined> = Promise.resolve(undefined);
  const ask = (): void => {
    read = read.then(() => (ended ? undefined : pieces.next()));
    const done = read.then(async (next) => {
      if (next !== undefined && next.done !== true) return { out: await work(next.value) };
      ended = true;
      return undefined;
    });
    // Heard of when its turn comes, unless nobody takes any more.
    done.catch(() => undefined);
    coming.push(done);
  };
  try {
    while (true) {
      while (coming.length <= ahead && !ended) ask();
      const next = await coming.shift();
      if (next === undefined) return;
      yield next.out;
    }
  } finally {
    ended = true;
    await pieces.return?.();
  }
}

/** Pieces of up to `count_max` records and about `bytes_max` bytes, of pieces of any size. */
export async function* rechunk<Item>(
  source: AsyncIterable<readonly Item[]>,
  count_max: number,
  bytes_max: number,
  bytesOf: (item: Item) => number,
): AsyncGenerator<readonly Item[], void, void> {
  let items: Item[] = [];
  let bytes = 0;
  for await (const some of source) {
    for (const item of some) {
      items.push(item);
      bytes += bytesOf(item);
      if (items.length < count_max && bytes < bytes_max) continue;
      yield items;
      items = [];
      bytes = 0;
    }
  }
  if (items.length > 0) yield items;
}
