/* What was made, newest first: a tile for each picture or clip, and a note for each job that left nothing. Pages come
 * from the server by its cursor; pictures are fetched once they are near the window. */
import {$, el, icon} from '/dom.js';
import {isActive, isClip, promptOf} from '/jobs.js';

const PAGE = 24;

const NOTES = {
  failed: 'It failed',
  cancelled: 'Cancelled',
  interrupted: 'The server stopped while it worked on this',
  done: 'Its files are gone',
};

export class Gallery {
  /* acts: {open(job, index), retry(job), remove(job), pictureSource(url), clipSource(url), page(query)} */
  constructor(acts) {
    this.acts = acts;
    this.jobs = new Map();  /* id → job, as shown */
    this.nodes = new Map(); /* id → its <li>s */
    this.cursor = null;
    this.near = new IntersectionObserver((entries) => {
      for (const e of entries) {
        if (!e.isIntersecting) continue;
        this.near.unobserve(e.target);
        e.target.fetchMedia?.();
      }
    }, {rootMargin: '200px', scrollMargin: '200px'});
    this.end = new IntersectionObserver((entries) => {
      if (entries.some((e) => e.isIntersecting) && !this.older.disabled) this.loadOlder();
    });
    this.older = $('gallery-older');
    this.older.addEventListener('click', () => this.loadOlder());
    this.end.observe(this.older);
  }

  /* Everything anew, from the newest. */
  async load() {
    const {jobs, next} = await this.acts.page({limit: PAGE});
    for (const id of [...this.jobs.keys()]) this.drop(id);
    jobs.forEach((j) => this.put(j));
    this.pageEnded(next);
  }

  async loadOlder() {
    this.older.disabled = true;
    try {
      const {jobs, next} = await this.acts.page({limit: PAGE, cursor: this.cursor});
      jobs.forEach((j) => this.put(j));
      this.pageEnded(next);
    } finally {
      this.older.disabled = false;
    }
  }

  pageEnded(next) {
    this.cursor = next;
    this.older.hidden = next === null;
    /* looks again, for the button may be on view still */
    this.end.unobserve(this.older);
    this.end.observe(this.older);
    this.drawEmpty();
  }

  drawEmpty() { $('gallery-empty').hidden = this.jobs.size > 0; }

  /* Adds a job that has ended where it belongs; one that is there already is drawn anew if it changed. */
  put(job) {
    if (isActive(job) || !job.results) return;
    const known = this.jobs.get(job.id);
    if (known?.state === job.state && known.results.length === job.results.length) return;
    this.drop(job.id);
    const nodes = this.tiles(job);
    const after = [...this.jobs.values()]
                      .filter((j) => j.created < job.created)
                      .reduce((newest, j) => (!newest || j.created > newest.created ? j : newest), null);
    const before = after ? this.nodes.get(after.id)[0] : null;
    for (const n of nodes) $('gallery').insertBefore(n, before);
    this.jobs.set(job.id, job);
    this.nodes.set(job.id, nodes);
    this.drawEmpty();
  }

  drop(id) {
    this.nodes.get(id)?.forEach((n) => {
      n.querySelectorAll('video').forEach((v) => URL.revokeObjectURL(v.src));
      n.remove();
    });
    this.nodes.delete(id);
    this.jobs.delete(id);
    this.drawEmpty();
  }

  tiles(job) {
    const tiles = job.results.map((result) => this.tile(job, result));
    if (!tiles.length || job.state === 'failed') tiles.unshift(this.note(job));
    return tiles;
  }

  tile(job, result) {
    const prompt = promptOf(job) || '(no prompt)';
    const clip = isClip(result);
    const open = el('button', {
      type: 'button',
      class: 'tile-open',
      'aria-label': `${clip ? 'Clip' : 'Picture'}: ${prompt.slice(0, 200)}`,
      onclick: () => this.acts.open(job, result.index),
    });
    const node = el('li', {class: 'tile', 'data-job': job.id, 'data-index': result.index}, open);
    node.fetchMedia = async () => {
      try {
        open.append(clip ? await this.clip(result) : await this.picture(result));
      } catch {
        open.append(icon('alert'));
      }
      if (clip) open.append(el('span', {class: 'tile-mark'}, icon('film')));
    };
    this.near.observe(node);
    return node;
  }

  async picture(result) {
    const img = el('img', {alt: '', decoding: 'async'});
    img.src = await this.acts.pictureSource(result.url);
    return img;
  }

  /* Stands still until somebody points at it. */
  async clip(result) {
    const video = el('video', {muted: true, loop: true, playsinline: true, preload: 'metadata', tabindex: -1});
    video.muted = true;
    video.src = await this.acts.clipSource(result.url);
    video.addEventListener('pointerenter', () => video.play().catch(() => {}));
    video.addEventListener('pointerleave', () => video.pause());
    return video;
  }

  note(job) {
    const text = job.state === 'failed' && job.error ? job.error : NOTES[job.state];
    return el('li', {class: 'tile note', 'data-job': job.id, 'data-state': job.state}, icon('alert'),
              el('p', {class: 'note-text'}, text), el('p', {class: 'note-prompt'}, promptOf(job)),
              el('div', {class: 'note-acts'},
                 el('button', {type: 'button', class: 'link-button', onclick: () => this.acts.retry(job)}, 'Try again'),
                 el('button', {type: 'button', class: 'link-button', onclick: () => this.acts.remove(job)}, 'Remove')));
  }

  /* [{job, result}] in the order on view. */
  get entries() {
    return [...$('gallery').querySelectorAll('.tile:not(.note)')].map((n) => {
      const job = this.jobs.get(n.dataset.job);
      return {job, result: job.results.find((r) => r.index === Number(n.dataset.index))};
    });
  }

  focusOn(id, index) {
    const at = `[data-job="${CSS.escape(id)}"]`;
    const node = $('gallery').querySelector(`${at}[data-index="${Number(index)}"] button`) ??
        $('gallery').querySelector(`${at} button`);
    (node ?? $('gallery-title')).focus();
  }
}
