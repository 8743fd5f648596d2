/* A conversation is a tree of messages: an edited question or another try at an answer is a new branch, and nothing is
 * lost. `leaf` names the end of the branch on view. */

export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(36).padStart(2, '0')).join('');
}

export function newConversation() {
  const now = Date.now();
  return {version: 1, id: newId(), title: '', named: false, created: now, updated: now, leaf: null, messages: {}};
}

function hasCycle(messages) {
  const good = new Set([null]);
  for (const start of Object.keys(messages)) {
    const trail = new Set();
    for (let id = start; !good.has(id); id = messages[id].parent) {
      if (trail.has(id)) return true;
      trail.add(id);
    }
    trail.forEach((id) => good.add(id));
  }
  return false;
}

/* From storage, so not to be trusted: null unless it is a conversation whose messages hang together as a tree. */
export function checked(c) {
  if (!c || c.version !== 1 || typeof c.id !== 'string' || typeof c.messages !== 'object' || !c.messages) return null;
  for (const [id, m] of Object.entries(c.messages)) {
    if (m?.id !== id || typeof m.content !== 'string' || !['user', 'assistant'].includes(m.role)) return null;
    if (m.parent !== null && !Object.hasOwn(c.messages, m.parent)) return null;
  }
  if (c.leaf !== null && !Object.hasOwn(c.messages, c.leaf)) return null;
  if (hasCycle(c.messages)) return null;
  return {...c, title: String(c.title ?? ''), updated: Number(c.updated) || 0};
}

/* Messages from the first to `id` (by default: to the leaf). */
export function path(c, id = c.leaf) {
  const out = [];
  for (let m = c.messages[id]; m; m = c.messages[m.parent]) out.push(m);
  return out.reverse();
}

export function childrenOf(c, parent) {
  return Object.values(c.messages).filter((m) => m.parent === parent).sort((a, b) => a.at - b.at);
}

/* Adds a message under parent and puts it on view. */
export function add(c, parent, role, content) {
  const last = childrenOf(c, parent).at(-1);
  const m = {id: newId(), parent, role, content, at: Math.max(Date.now(), (last?.at ?? 0) + 1)};
  c.messages[m.id] = m;
  c.leaf = m.id;
  c.updated = Date.now();
  return m;
}

/* Puts the branch of m on view, down to its newest end. */
export function select(c, m) {
  for (let next = m; next; next = childrenOf(c, next.id).at(-1)) c.leaf = next.id;
}

/* A title from the first words, until a person gives one. */
export function titleFrom(text) {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line.length <= 80) return line;
  const cut = line.slice(0, 80);
  return (cut.lastIndexOf(' ') > 40 ? cut.slice(0, cut.lastIndexOf(' ')) : cut).replace(/[\s,;:.]+$/, '') + '…';
}
