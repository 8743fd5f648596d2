/* What the page asks the server: its models, and answers as they are made. Every failure becomes an ApiError whose
 * message a person can read. */
import {readEvents} from '/events.js';

/* kind: 'network' nobody answers; 'key' a key is needed or wrong; 'context' the conversation is too long; 'busy' try
 * again soon; 'refused' the request is at fault; 'server' the server is. param: the field at fault, or null. */
export class ApiError extends Error {
  constructor(kind, message, {status = 0, param = null} = {}) {
    super(message);
    Object.assign(this, {kind, status, param});
  }
}

export function headers(key) { return key ? {Authorization: `Bearer ${key}`} : {}; }

function kindOf(status, code) {
  if (status === 401 || status === 403) return 'key';
  if (code === 'context_length_exceeded') return 'context';
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'server' : 'refused';
}

/* fetch, with an ApiError in place of any reply that is not a success. */
export async function call(path, options) {
  let reply;
  try {
    reply = await fetch(path, {cache: 'no-store', ...options});
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new ApiError('network', 'The server does not answer. Is it still running?');
  }
  if (reply.ok) return reply;
  let error;
  try {
    error = (await reply.json()).error;
  } catch {
    /* not from Loam: perhaps a proxy */
  }
  const text = typeof error?.message === 'string' && error.message ?
      error.message :
      `The server said: ${reply.status} ${reply.statusText}`;
  const param = typeof error?.param === 'string' ? error.param : null;
  throw new ApiError(kindOf(reply.status, error?.code), text, {status: reply.status, param});
}

/* The first model: {id, meta?}. */
export async function fetchModel(key, signal) {
  const reply = await call('/v1/models', {headers: headers(key), signal});
  const list = (await reply.json().catch(() => null))?.data;
  if (!Array.isArray(list) || typeof list[0]?.id !== 'string')
    throw new ApiError('server', 'The server names no model.');
  return list[0];
}

function takeChoice(choice, result, on) {
  const text = choice.delta?.content;
  if (typeof text === 'string' && text) {
    result.pieces++;
    result.firstAt ??= performance.now();
    on.text(text);
  }
  if (choice.finish_reason) result.finish = choice.finish_reason;
}

/* Streams one answer. on.text(piece) and on.progress({total, cache, processed}) are called as things arrive. Resolves
 * to {finish, usage, timings, seed, pieces, firstAt}; rejects with ApiError, or with AbortError when the signal fires.
 */
export async function streamChat({messages, sampling, model, key, signal}, on) {
  const body = {
    model: model ?? 'default',
    messages,
    ...sampling,
    stream: true,
    stream_options: {include_usage: true},
    return_progress: true
  };
  const reply = await call('/v1/chat/completions', {
    method: 'POST',
    headers: {'Content-Type': 'application/json', ...headers(key)},
    body: JSON.stringify(body),
    signal,
  });
  const result = {finish: null, usage: null, timings: null, seed: null, pieces: 0, firstAt: null};
  let complete = false;
  try {
    for await (const data of readEvents(reply.body)) {
      if (data === '[DONE]') {
        complete = true;
        break;
      }
      const event = JSON.parse(data);
      if (event.error) throw new ApiError('server', String(event.error.message ?? 'The answer failed.'));
      if (event.choices?.[0]) takeChoice(event.choices[0], result, on);
      if (event.prompt_progress) on.progress(event.prompt_progress);
      if (event.usage) result.usage = event.usage;
      if (event.timings) result.timings = event.timings;
      if (event.loam) result.seed = event.loam.seed;
    }
  } catch (e) {
    if (e instanceof ApiError || e.name === 'AbortError') throw e;
    if (e instanceof SyntaxError) throw new ApiError('server', 'The server sent something that is not an answer.');
    throw new ApiError('network', 'The connection broke before the answer was whole.');
  }
  if (!complete) throw new ApiError('network', 'The connection broke before the answer was whole.');
  return result;
}
