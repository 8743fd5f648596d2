/* Pictures and clips are made by jobs of the server: what the page asks about them, and what it believes of the
 * answers.
 */
import {ApiError, call, headers} from '/api.js';
import {readEvents} from '/events.js';

const KINDS = ['image', 'video'];
const ACTIVE = ['queued', 'running'];
const ENDED = ['done', 'failed', 'cancelled', 'interrupted'];
const MEDIA = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'video/mp4': 'mp4'
};

const text = (v) => (typeof v === 'string' ? v : '');
const number = (v) => (typeof v === 'number' && Number.isFinite(v) ? v : null);
const count = (v) => Math.max(0, Math.floor(number(v) ?? 0));

function checkedResult(id, r) {
  const index = count(r?.index);
  return {
    index,
    media: text(r?.media),
    ending: MEDIA[r?.media] ?? 'bin',
    url: `/api/jobs/${id}/results/${index}`,
    width: count(r?.width),
    height: count(r?.height),
    seed: number(r?.seed),
    frames: number(r?.frames),
    fps: number(r?.fps),
    parameters: text(r?.parameters),
  };
}

/* A job as the page keeps it; null for what is none, or of a kind that is not shown here. request and results are null
 * where the answer left them out. */
export function checkedJob(v) {
  if (!v || !/^[a-z0-9]{6,64}$/.test(v.id) || !KINDS.includes(v.kind)) return null;
  if (!ACTIVE.includes(v.state) && !ENDED.includes(v.state)) return null;
  return {
    id: v.id,
    kind: v.kind,
    state: v.state,
    cancelling: v.cancelling === true,
    position: number(v.position),
    created: number(v.created_ms) ?? 0,
    started: number(v.started_ms),
    finished: number(v.finished_ms),
    stage: text(v.stage),
    step: count(v.step),
    steps: count(v.n_steps),
    rate: number(v.steps_per_s),
    eta: number(v.eta_s),
    preview: count(v.preview),
    nResults: count(v.n_results),
    error: text(v.error),
    request: v.request && typeof v.request === 'object' ? v.request : null,
    results: Array.isArray(v.results) ? v.results.map((r) => checkedResult(v.id, r)) : null,
  };
}

export const isActive = (job) => ACTIVE.includes(job.state);
export const promptOf = (job) => text(job.request?.prompt);
export const isClip = (result) => result.media.startsWith('video/');

/* fresh, with what it leaves out from what was known. */
export function merged(known, fresh) {
  return {...fresh, request: fresh.request ?? known?.request ?? null, results: fresh.results ?? known?.results ?? null};
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

export class Jobs {
  constructor(getKey) { this.getKey = getKey; }

  async ask(path, {signal, method, body} = {}) {
    const key = headers(this.getKey());
    const reply = await call(path, {
      method,
      signal,
      headers: body ? {'Content-Type': 'application/json', ...key} : key,
      body: body && JSON.stringify(body),
    });
    const answer = await reply.json().catch(() => null);
    if (!answer || typeof answer !== 'object')
      throw new ApiError('server', 'The server sent something that is not an answer.');
    return answer;
  }

  async job(path, options) {
    const job = checkedJob(await this.ask(path, options));
    if (!job) throw new ApiError('server', 'The server sent something that is not a job.');
    return job;
  }

  /* What the server can make: {model, video_model, video, samplers, …}. */
  info() { return this.ask('/api/images/info'); }

  /* Newest first: {jobs, next}; next is null on the last page. */
  async list(query) {
    const words = Object.entries(query).filter(([, v]) => v !== null && v !== undefined);
    const {jobs, next} = await this.ask(`/api/jobs?${new URLSearchParams(words)}`);
    return {jobs: (Array.isArray(jobs) ? jobs : []).map(checkedJob).filter(Boolean), next: number(next)};
  }

  get(id) { return this.job(`/api/jobs/${id}`); }

  submit(request) { return this.job('/api/jobs', {method: 'POST', body: request}); }

  cancel(id) { return this.job(`/api/jobs/${id}/cancel`, {method: 'POST'}); }

  retry(id) { return this.job(`/api/jobs/${id}/retry`, {method: 'POST'}); }

  remove(id) { return this.ask(`/api/jobs/${id}`, {method: 'DELETE'}); }

  /* Calls changed(job) with every progress, preview included, and returns the job once it has ended. */
  async watch(id, signal, changed) {
    const reply = await call(`/api/jobs/${id}/events`, {headers: headers(this.getKey()), signal});
    try {
      for await (const data of readEvents(reply.body)) {
        const event = JSON.parse(data);
        if (event.error?.message) throw new ApiError('server', text(event.error.message));
        const job = checkedJob(event);
        if (!job) continue; /* the notice of a preview: progress has its number, too */
        if (!isActive(job)) return job;
        changed(job);
      }
    } catch (e) {
      if (e instanceof ApiError || e.name === 'AbortError') throw e;
    }
    throw new ApiError('network', 'The connection broke.');
  }

  async file(url, signal) {
    const reply = await call(url, {headers: headers(this.getKey()), signal, cache: 'default'});
    return reply.blob();
  }

  /* What <img> can show: the address itself, or, where a key has to be sent, the bytes. */
  async pictureSource(url) { return this.getKey() ? dataUrl(await this.file(url)) : url; }

  /* The same for <video>; who asks calls URL.revokeObjectURL on what begins with "blob:". */
  async clipSource(url) { return this.getKey() ? URL.createObjectURL(await this.file(url)) : url; }
}

export const previewUrl = (job) => `/api/jobs/${job.id}/preview?v=${job.preview}`;
