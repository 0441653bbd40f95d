const entries = new Map();

export const get = (key) => entries.get(key);

export function compareAndSwap(key, version, value) {
  const now = entries.get(key);
  if (now?.version !== version) return undefined;
  const next = (version ?? 0n) + 1n;
  entries.set(key, { value, version: next });
  return next;
}
