/* The jobs that wait and the one that runs: how far it is, what can be seen of it, and a way to stop it. */
import {$, el, iconButton} from '/dom.js';
import {previewUrl, promptOf} from '/jobs.js';

const SHOWN = 12; /* finished pictures of a job that goes on */

const STAGES = {
  load: 'loading the model',
  text: 'reading the prompt',
  encode: 'reading the start picture',
  steps: 'drawing',
  sample: 'drawing',
  hires: 'drawing it larger',
  decode: 'finishing',
  write: 'writing the file',
};

/* "8 s", "3 min", "1 h 20 min" */
export function span(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/* Slow work reads better as the time of one step. */
function pace(rate) {
  if (rate === null || rate <= 0) return '';
  return rate >= 1 ? `${rate.toFixed(rate < 10 ? 1 : 0)} steps/s` : `${(1 / rate).toFixed(rate > 0.1 ? 1 : 0)} s/step`;
}

/* The line under the prompt, and the same for screen readers without the figures that change all the time. */
function progressLine(job) {
  if (job.state === 'queued') return job.position > 1 ? `waiting, number ${job.position}` : 'waiting, next';
  if (job.cancelling) return 'stopping after this step…';
  const parts = [STAGES[job.stage] ?? (job.stage || 'beginning')];
  if (job.steps > 1) parts.push(`step ${job.step} of ${job.steps}`);
  const speed = job.steps > 1 ? pace(job.rate) : '';
  if (speed) parts.push(speed);
  if (job.eta !== null && job.eta >= 0) parts.push(`about ${span(job.eta)} left`);
  return parts.join(' · ');
}

class Row {
  constructor(job, acts) {
    this.acts = acts;
    this.bar = el('progress', {class: 'job-bar', max: 1, 'aria-label': 'Progress'});
    this.line = el('p', {class: 'job-line'});
    this.made = el('div', {class: 'job-made'});
    this.shown = 0; /* version of the preview on view */
    this.view = el('div', {class: 'job-view'});
    const prompt = promptOf(job) || '(no prompt)';
    this.stop = iconButton('close', `Cancel “${prompt.slice(0, 60)}”`, () => this.acts.cancel(job.id));
    this.node = el('li', {class: 'job', 'data-id': job.id}, this.view,
                   el('div', {class: 'job-text'}, el('p', {class: 'job-prompt', title: prompt}, prompt), this.bar,
                      this.line, this.made),
                   this.stop);
  }

  show(job) {
    this.node.dataset.state = job.state;
    this.line.textContent = progressLine(job);
    this.stop.disabled = job.cancelling;
    this.bar.hidden = job.state !== 'running';
    if (job.steps > 0)
      this.bar.value = Math.min(1, job.step / job.steps);
    else
      this.bar.removeAttribute('value');
    if (job.preview > this.shown) this.showPreview(job);
    while (this.made.children.length < job.nResults && this.made.children.length < SHOWN)
      this.addMade(job.id, this.made.children.length);
  }

  async showPreview(job) {
    this.shown = job.preview;
    const img = el('img', {alt: 'Preview', class: 'job-preview', decoding: 'async'});
    img.addEventListener('load', () => {
      if (this.shown === job.preview) this.view.replaceChildren(img);
    });
    try {
      img.src = await this.acts.source(previewUrl(job));
    } catch {
      /* there will be another one */
    }
  }

  async addMade(id, index) {
    const img = el('img', {alt: `Picture ${index + 1}, done`});
    this.made.append(img);
    try {
      img.src = await this.acts.source(`/api/jobs/${id}/results/${index}`);
    } catch {
      img.remove();
    }
  }
}

export class Queue {
  /* acts: {cancel(id), source(url) → promise of an <img>'s src} */
  constructor(acts) {
    this.acts = acts;
    this.rows = new Map();
  }

  show(jobs) {
    $('queue-part').hidden = jobs.length === 0;
    for (const [id, row] of this.rows) {
      if (jobs.some((j) => j.id === id)) continue;
      row.node.remove();
      this.rows.delete(id);
    }
    jobs.forEach((job, at) => {
      let row = this.rows.get(job.id);
      if (!row) this.rows.set(job.id, row = new Row(job, this.acts));
      if ($('queue').children[at] !== row.node) $('queue').insertBefore(row.node, $('queue').children[at] ?? null);
      row.show(job);
    });
  }
}
