/* One picture or clip, large, with how it was made and what can be done with it. */
import {$, copyWith, el, icon, iconButton} from '/dom.js';
import {isClip, promptOf} from '/jobs.js';

const LABELS = {
  steps: 'Steps',
  guidance: 'Guidance',
  sampler: 'Sampler',
  schedule: 'Schedule',
  strength: 'Change',
  hires: 'Enlarged',
  clip_skip: 'Layers skipped',
  frames: 'Frames',
  fps: 'Frames per second',
};

function action(name, label, run, props = {}) {
  return el('button', {type: 'button', class: 'button', onclick: run, ...props}, icon(name), el('span', {}, label));
}

const when = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'short'});

function facts(job, result) {
  const rows = [];
  if (result.width) rows.push(['Size', `${result.width} × ${result.height}`]);
  const seed = result.seed ?? job.request?.seed;
  if (Number.isFinite(seed)) rows.push(['Seed', String(seed)]);
  for (const [name, label] of Object.entries(LABELS)) {
    const v = result[name] ?? job.request?.[name];
    if (typeof v === 'number' || (typeof v === 'string' && v)) rows.push([label, String(v)]);
  }
  if (job.started && job.finished)
    rows.push([
      job.results?.length > 1 ? `Time of all ${job.results.length}` : 'Time',
      `${((job.finished - job.started) / 1000).toFixed(1)} s`
    ]);
  if (job.created) rows.push(['Made', when.format(job.created)]);
  return el('dl', {class: 'facts'}, ...rows.map(([k, v]) => el('div', {}, el('dt', {}, k), el('dd', {}, v))));
}

export class Viewer {
  /* acts: {step(by), closed(), use(), startFrom(), download(), remove(), pictureSource(url), clipSource(url)} */
  constructor(acts) {
    this.acts = acts;
    this.dialog = $('viewer');
    this.at = null; /* {job, result} */
    this.dialog.addEventListener('close', () => {
      this.clear();
      acts.closed();
    });
    this.dialog.addEventListener('keydown', (e) => {
      if (e.target.closest('video, input')) return;
      if (e.key === 'ArrowLeft') acts.step(-1);
      if (e.key === 'ArrowRight') acts.step(1);
    });
  }

  get open() { return this.dialog.open; }

  clear() {
    const video = this.dialog.querySelector('video');
    if (video?.src.startsWith('blob:')) URL.revokeObjectURL(video.src);
    video?.removeAttribute('src');
    this.at = null;
    this.dialog.replaceChildren();
  }

  close() { this.dialog.close(); }

  /* first, last: whether there is nothing before or after it. */
  show(job, result, {first, last, canStart}) {
    const focused = this.dialog.contains(document.activeElement) ? document.activeElement.dataset.act : '';
    this.clear();
    this.at = {job, result};
    this.stage = el('div', {class: 'viewer-stage'});
    const prompt = promptOf(job);
    const copy = iconButton('copy', 'Copy how it was made', () => copyWith(copy, result.parameters || prompt));
    const step = (by, name, label, off) => iconButton(
        name, label, () => this.acts.step(by), {disabled: off, class: `icon-button step ${name}`, 'data-act': name});
    this.dialog.replaceChildren(
        el('div', {class: 'viewer-main'}, this.stage, step(-1, 'left', 'Newer', first),
           step(1, 'right', 'Older', last)),
        el('div', {class: 'viewer-side'},
           el('header', {class: 'viewer-head'}, el('h2', {id: 'viewer-title'}, isClip(result) ? 'Clip' : 'Picture'),
              copy,
              iconButton('close', 'Close', () => this.close(),
                         {'data-act': 'close', class: 'icon-button viewer-close'})),
           el('div', {class: 'viewer-body'}, el('p', {class: 'viewer-prompt'}, prompt || '(no prompt)'),
              job.request?.negative && typeof job.request.negative === 'string' &&
                  el('p', {class: 'viewer-negative'}, el('b', {}, 'Not wanted: '), job.request.negative),
              facts(job, result)),
           el('footer', {class: 'viewer-foot'}, action('again', 'Use these settings', () => this.acts.use()),
              canStart && !isClip(result) && action('picture', 'Start from this picture', () => this.acts.startFrom()),
              action('save', 'Download', () => this.acts.download()),
              action('trash', 'Delete', () => this.acts.remove(), {'data-act': 'remove'}))));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector(`[data-act="${focused || 'close'}"]:not(:disabled)`)?.focus();
    this.showMedia(result, prompt);
  }

  async showMedia(result, prompt) {
    const {stage} = this;
    const fail = () =>
        stage.replaceChildren(el('p', {class: 'viewer-problem'}, icon('alert'), 'This file cannot be shown here.'));
    let node;
    if (isClip(result)) {
      node = el('video', {controls: true, loop: true, playsinline: true, 'aria-label': prompt});
      node.muted = true;
      node.autoplay = !matchMedia('(prefers-reduced-motion: reduce)').matches;
    } else {
      node = el('img', {alt: prompt});
    }
    node.addEventListener('error', fail);
    try {
      const source = await (isClip(result) ? this.acts.clipSource(result.url) : this.acts.pictureSource(result.url));
      node.src = source;
      if (this.stage === stage) stage.replaceChildren(node);
    } catch {
      fail();
    }
  }
}

/* Asks once more before something is lost; resolves to whether to go on. */
export function confirmed(title, text, verb) {
  return new Promise((resolve) => {
    let sure = false;
    const dialog = el('dialog', {class: 'dialog small', 'aria-labelledby': 'confirm-title'});
    const close = (answer) => {
      sure = answer;
      dialog.close();
    };
    dialog.append(el('header', {class: 'dialog-head'}, el('h2', {id: 'confirm-title'}, title)),
                  el('div', {class: 'dialog-body'}, el('p', {}, text)),
                  el('footer', {class: 'dialog-foot'},
                     el('button', {type: 'button', class: 'button', onclick: () => close(false)}, 'Keep'),
                     el('button', {type: 'button', class: 'button strong', onclick: () => close(true)}, verb)));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(sure);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
