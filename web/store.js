/* Conversations in the browser's local storage: an index of titles, and one entry for each conversation. Storage may be
 * full, blocked or damaged: saving then says so, and the page goes on with what it has in memory. */
import {checked} from '/tree.js';

const INDEX = 'loam.index';
const entry = (id) => `loam.chat.${id}`;
const memory = new Map(); /* id → conversation, the one object that all of the page shares */
let lastIndex = [];

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

/* 'ok', 'full' or 'blocked' */
function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return 'ok';
  } catch (e) {
    return e?.name === 'QuotaExceededError' || e?.name === 'NS_ERROR_DOM_QUOTA_REACHED' ? 'full' : 'blocked';
  }
}

/* [{id, title, updated}], newest first. What was saved by another tab is there too. */
export function list() {
  const stored = read(INDEX);
  if (Array.isArray(stored)) lastIndex = stored.filter((e) => typeof e?.id === 'string');
  return [...lastIndex].sort((a, b) => b.updated - a.updated);
}

export function load(id) {
  if (memory.has(id)) return memory.get(id);
  const c = checked(read(entry(id)));
  if (c) memory.set(id, c);
  return c;
}

/* The entry goes first: an index that names a conversation which was not written would be worse than the reverse. */
export function save(c) {
  memory.set(c.id, c);
  const outcome = write(entry(c.id), c);
  lastIndex = [...list().filter((e) => e.id !== c.id), {id: c.id, title: c.title, updated: c.updated}];
  return outcome === 'ok' ? write(INDEX, lastIndex) : outcome;
}

export function remove(id) {
  memory.delete(id);
  lastIndex = list().filter((e) => e.id !== id);
  try {
    localStorage.removeItem(entry(id));
  } catch {
    /* blocked: nothing was stored */
  }
  write(INDEX, lastIndex);
}

/* Calls changed(id or null) when another tab saved or removed something; isBusy(id) keeps what this tab is writing. */
export function watch(changed, isBusy) {
  addEventListener('storage', (e) => {
    if (e.key === INDEX) return changed(null);
    if (!e.key?.startsWith('loam.chat.')) return undefined;
    const id = e.key.slice('loam.chat.'.length);
    if (isBusy(id)) return undefined;
    memory.delete(id);
    return changed(id);
  });
}

export const readSetting = read;
export const writeSetting = write;
