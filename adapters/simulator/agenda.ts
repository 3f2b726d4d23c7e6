/** What is due when: a binary heap beside the table of due rows. Rows that changed or went away are skipped when they surface. */

export interface Appointment {
  readonly id: string;
  readonly at: string;
  readonly sequence: number;
}

export const createAgenda = <T extends Appointment>() => {
  const heap: T[] = [];
  const earlier = (a: T, b: T): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

  const add = (row: T): void => {
    let index = heap.push(row) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || !earlier(row, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = row;
  };

  const pop = (): T | undefined => {
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const child = right && left && earlier(right, left) ? 2 * index + 2 : 2 * index + 1;
      const smaller = heap[child];
      if (!smaller || !earlier(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return top;
  };

  /** The earliest row that is still the one in the table. */
  const head = (current: (id: string) => T | null): T | null => {
    for (let top = heap[0]; top; top = heap[0]) {
      if (current(top.id) === top) return top;
      pop();
    }
    return null;
  };

  return {
    add,
    next: (current: (id: string) => T | null): Date | null => {
      const top = head(current);
      return top ? new Date(top.at) : null;
    },
    take: (until: Date, current: (id: string) => T | null): T | null => {
      const top = head(current);
      return top && top.at <= until.toISOString() ? (pop() ?? null) : null;
    },
  };
};
