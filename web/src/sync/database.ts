// What this browser profile keeps, in one IndexedDB database.

const NAME = "smallwin";
const VERSION = 1;

/** The tables; the comment gives the key. */
export const TABLES = [
  "identity", // a name
  "settings", // a name
  "circles", // circle id
  "records", // [circle id, record id]
  "cards", // [circle id, person]
  "manifests", // [circle id, manifest hash]
  "chunks", // [document id, hash]
  "frontiers", // [document id, actor]
  "refused", // [document id, change hash]
] as const;

export type Table = (typeof TABLES)[number];
export type Key = string | readonly string[];

/** One row to write; no value deletes it. */
export interface Row {
  readonly table: Table;
  readonly key: Key;
  readonly value?: unknown;
}

/** Keeps rows. `write` is atomic, and durable as far as a browser promises when it returns. */
export interface Database {
  get<T>(table: Table, key: Key): Promise<T | undefined>;
  /** All values whose key is `prefix` followed by one more part, or all of the table. */
  all<T>(table: Table, prefix?: string): Promise<T[]>;
  write(rows: readonly Row[]): Promise<void>;
}

export async function openDatabase(): Promise<Database> {
  const database = await opened();
  return {
    async get<T>(table: Table, key: Key) {
      const request = database.transaction(table).objectStore(table).get(key as IDBValidKey);
      return (await answer(request)) as T | undefined;
    },
    async all<T>(table: Table, prefix?: string) {
      const range = prefix === undefined ? null : IDBKeyRange.bound([prefix], [prefix, []]);
      return (await answer(database.transaction(table).objectStore(table).getAll(range))) as T[];
    },
    async write(rows) {
      if (rows.length === 0) return;
      const tables = [...new Set(rows.map((row) => row.table))];
      // "strict" asks the browser to write through to the disk: kept before told (K1).
      const transaction = database.transaction(tables, "readwrite", { durability: "strict" });
      for (const { table, key, value } of rows) {
        const store = transaction.objectStore(table);
        if (value === undefined) store.delete(key as IDBValidKey);
        else store.put(value, key as IDBValidKey);
      }
      await finished(transaction);
    },
  };
}

/** The same in memory, for tests. */
export function memoryDatabase(): Database {
  const rows = new Map<string, { table: Table; key: Key; value: unknown }>();
  const name = (table: Table, key: Key) => JSON.stringify([table, key]);
  return {
    get: async <T>(table: Table, key: Key) => rows.get(name(table, key))?.value as T | undefined,
    all: async <T>(table: Table, prefix?: string) =>
      [...rows.values()]
        .filter((row) => row.table === table && (prefix === undefined || row.key[0] === prefix))
        .map((row) => row.value as T),
    write: async (changed) => {
      for (const { table, key, value } of changed) {
        if (value === undefined) rows.delete(name(table, key));
        else rows.set(name(table, key), { table, key, value });
      }
    },
  };
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    for (const table of TABLES) {
      if (!request.result.objectStoreNames.contains(table)) request.result.createObjectStore(table);
    }
  };
  return answer(request);
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage gave no answer"));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    const failed = () => reject(transaction.error ?? new Error("the browser's storage refused to write"));
    transaction.onerror = failed;
    transaction.onabort = failed;
  });
}
