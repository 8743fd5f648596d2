/* Keeps up with the server's jobs while somebody looks: the one at the head of the queue by its events, the others by
 * asking now and then. */
import {isActive, merged} from '/jobs.js';

const ASK_EVERY_MS = 5000;
const NEWEST = 4; /* ended jobs that are looked at each time, for those of other tabs and programs */

/* The running one first, then as they wait. */
const inOrder = (a, b) => (a.position ?? 0) - (b.position ?? 0) || a.created - b.created;

export class Feed {
  /* on: {active(jobs), ended(job), trouble(error or null)} */
  constructor(jobs, on) {
    Object.assign(this, {jobs, on});
    this.active = new Map();  /* id → job */
    this.settled = new Set(); /* ids that have ended */
    this.looking = false;
    this.watched = null; /* {id, controller} */
    this.timer = 0;
    document.addEventListener('visibilitychange', () => this.apply());
  }

  start() {
    this.looking = true;
    this.apply();
  }

  stop() {
    this.looking = false;
    this.apply();
  }

  apply() {
    clearTimeout(this.timer);
    if (this.looking && !document.hidden)
      this.refresh();
    else
      this.unwatch();
  }

  /* A job that was just submitted. */
  add(job, request) {
    if (isActive(job)) this.active.set(job.id, merged({request}, job));
    this.changed();
    this.refresh();
  }

  async refresh() {
    clearTimeout(this.timer);
    if (this.asking) {
      this.askAgain = true;
      return;
    }
    this.asking = true;
    this.askAgain = false;
    try {
      await this.ask();
      this.on.trouble(null);
    } catch (e) {
      this.on.trouble(e);
    }
    this.asking = false;
    if (this.looking && !document.hidden)
      this.timer = setTimeout(() => this.refresh(), this.askAgain ? 0 : ASK_EVERY_MS);
  }

  async ask() {
    const before = [...this.active.keys()];
    const lists = await Promise.all([
      this.jobs.list({state: 'running', limit: 10}),
      this.jobs.list({state: 'queued', limit: 200}),
      this.jobs.list({limit: NEWEST}),
    ]);
    const seen = new Set();
    for (const job of lists.flatMap((l) => l.jobs)) {
      seen.add(job.id);
      this.take(job);
    }
    for (const id of before.filter((i) => !seen.has(i) && this.active.has(i))) await this.lookAt(id);
    this.changed();
  }

  /* A job that was in the queue and is in none of the lists. */
  async lookAt(id) {
    try {
      this.take(await this.jobs.get(id));
    } catch (e) {
      if (e.status !== 404) throw e;
      this.active.delete(id);
    }
  }

  take(job) {
    if (isActive(job)) {
      if (!this.settled.has(job.id)) this.active.set(job.id, merged(this.active.get(job.id), job));
    } else {
      this.end(job);
    }
  }

  end(job) {
    this.active.delete(job.id);
    if (this.settled.has(job.id)) return;
    this.settled.add(job.id);
    this.on.ended(job);
  }

  forget(id) {
    this.active.delete(id);
    this.settled.add(id);
    this.changed();
  }

  changed() {
    const list = [...this.active.values()].sort(inOrder);
    this.on.active(list);
    const first = list[0]?.id;
    if (first !== this.watched?.id) this.unwatch();
    if (first && !this.watched && this.looking && !document.hidden) this.watch(first);
  }

  unwatch() {
    this.watched?.controller.abort();
    this.watched = null;
  }

  async watch(id) {
    const mine = {id, controller: new AbortController()};
    this.watched = mine;
    try {
      const job = await this.jobs.watch(id, mine.controller.signal, (fresh) => {
        if (this.watched !== mine) return;
        this.take(fresh);
        this.on.active([...this.active.values()].sort(inOrder));
      });
      if (this.watched === mine) this.watched = null;
      this.end(merged(this.active.get(id), job));
      this.changed();
      this.refresh();
    } catch (e) {
      if (this.watched === mine) this.watched = null;
      /* whatever it was: the next asking finds out how things stand */
    }
  }
}
