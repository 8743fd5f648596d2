/* Answers under way. A run belongs to its conversation, not to what is on view: it goes on while another conversation
 * is read, and the view takes it up again. */
import {streamChat} from '/api.js';
import {path} from '/tree.js';
import * as store from '/store.js';

const SAVE_EVERY_MS = 1000;
const runs = new Map(); /* conversation's id → run */

export const runOf = (id) => runs.get(id);
export const isRunning = (id) => runs.has(id);

export function stop(id) { runs.get(id)?.controller.abort(); }

/* The conversation was deleted: nothing of it is saved any more. */
export function drop(id) {
  const run = runs.get(id);
  if (run) run.dropped = true;
  stop(id);
}

/* What was said so far. A question whose answer failed is joined with the next one: many chat templates insist that
 * roles alternate. */
function requestMessages(c, answer, system) {
  const said = system ? [{role: 'system', content: system}] : [];
  for (const {role, content} of path(c, answer.parent)) {
    if (!content) continue;
    if (said.at(-1)?.role === role)
      said.at(-1).content += `\n\n${content}`;
    else
      said.push({role, content});
  }
  return said;
}

/* A stopped answer has no count from the server: what arrived, over the time it took, is near enough to show as
 * "about". */
function roughly(result) {
  const seconds = (performance.now() - result.firstAt) / 1000;
  return result.pieces > 8 && seconds > 0 ? {rate: result.pieces / seconds, about: true} : {};
}

function statistics(result) {
  const {usage, timings} = result;
  return {
    finish: result.finish ?? 'stop',
    rate: timings?.predicted_per_second || undefined,
    tokens: usage?.completion_tokens,
    prompt: usage?.prompt_tokens,
    reused: usage?.prompt_tokens_details?.cached_tokens,
    seed: result.seed ?? undefined,
  };
}

/* Fills the message `answer` of c. settings: {sampling, system, key, model}. on: {changed(run), ended(run),
 * saved(outcome)}. Never rejects: what went wrong is in answer.error. */
export async function start(c, answer, settings, on) {
  const run = {conversation: c, answer, controller: new AbortController(), progress: null};
  let saved = Date.now();
  const seen = {pieces: 0, firstAt: null};
  runs.set(c.id, run);
  Object.assign(answer, {content: '', streaming: true, error: undefined, stats: undefined, model: settings.model});
  on.saved(store.save(c));
  on.changed(run);
  try {
    const result = await streamChat({
      messages: requestMessages(c, answer, settings.system),
      sampling: settings.sampling,
      model: settings.model,
      key: settings.key,
      signal: run.controller.signal
    },
                                    {
                                      text(piece) {
                                        answer.content += piece;
                                        run.progress = null;
                                        seen.pieces++;
                                        seen.firstAt ??= performance.now();
                                        if (Date.now() - saved > SAVE_EVERY_MS && !run.dropped) {
                                          saved = Date.now();
                                          on.saved(store.save(c));
                                        }
                                        on.changed(run);
                                      },
                                      progress(p) {
                                        run.progress = p;
                                        on.changed(run);
                                      },
                                    });
    answer.stats = statistics(result);
  } catch (e) {
    if (e.name === 'AbortError')
      answer.stats = {finish: 'stopped', ...roughly(seen)};
    else
      answer.error = {kind: e.kind ?? 'server', message: e.message};
  }
  delete answer.streaming;
  c.updated = Date.now();
  runs.delete(c.id);
  if (!run.dropped) on.saved(store.save(c));
  on.ended(run);
}

/* A page that closes keeps what has arrived. */
addEventListener('pagehide', () => runs.forEach((run) => run.dropped || store.save(run.conversation)));
