/* The view of pictures and clips: joins the form, the queue, the gallery and the viewer. What is under way and what was
 * made are the server's to know, so that a reload, another tab and another program see the same. */
import {$, announce, el, icon} from '/dom.js';
import {Jobs} from '/jobs.js';
import {Feed} from '/feed.js';
import {Making} from '/making.js';
import {Queue} from '/queue.js';
import {Gallery} from '/gallery.js';
import {Viewer, confirmed} from '/viewer.js';
import {toast} from '/notice.js';

const TRY_AGAIN_MS = 4000;
const HASH = '#pictures';

export class Pictures {
  /* acts: {getKey(), askKey(then)} */
  constructor(acts) {
    this.acts = acts;
    this.shown = false;
    this.ready = false; /* the server makes something, and the gallery has its first page */
    this.jobs = new Jobs(acts.getKey);
    const source = (url) => this.jobs.pictureSource(url);
    const clipSource = (url) => this.jobs.clipSource(url);
    this.making = new Making({
      submit: (request) => this.submit(request),
      lastSeed: () => this.lastSeed(),
      shown: () => this.shown,
    });
    this.queue = new Queue({cancel: (id) => this.cancel(id), source});
    this.gallery = new Gallery({
      open: (job, index) => this.open(job.id, index),
      retry: (job) => this.retry(job),
      remove: (job) => this.remove(job),
      page: (query) => this.jobs.list(query),
      pictureSource: source,
      clipSource,
    });
    this.viewer = new Viewer({
      step: (by) => this.step(by),
      closed: () => this.viewerClosed(),
      use: () => this.use(),
      startFrom: () => this.startFrom(),
      download: () => this.download(),
      remove: () => this.removeViewed(),
      pictureSource: source,
      clipSource,
    });
    this.feed = new Feed(this.jobs, {
      active: (jobs) => this.queue.show(jobs),
      ended: (job) => this.ended(job),
      trouble: (e) => this.trouble(e),
    });
  }

  /* parts: what follows "#pictures/" in the address: the id of a job and the number of a result. */
  async show([id, index = '0']) {
    this.shown = true;
    if (this.ready)
      this.feed.start();
    else
      await (this.beginning ??= this.begin());
    this.beginning = null;
    if (!this.ready || !this.shown) return;
    if (id)
      await this.view(id, Number(index));
    else if (this.viewer.open)
      this.viewer.close();
  }

  hide() {
    this.shown = false;
    this.feed.stop();
    if (this.viewer.open) this.viewer.close();
  }

  async begin() {
    clearTimeout(this.timer);
    const key = this.acts.getKey();
    let info;
    try {
      info = await this.jobs.info();
    } catch (e) {
      if (e.status === 404 || e.status === 501)
        this.lacking(e);
      else
        this.later(e, key);
      return;
    }
    this.making.setInfo(info, null);
    try {
      await this.gallery.load();
    } catch (e) {
      this.later(e, key);
      return;
    }
    this.ready = true;
    this.trouble(null);
    $('gallery-part').hidden = false;
    if (this.shown) this.feed.start();
  }

  /* The server makes neither pictures nor clips. */
  lacking(e) {
    this.trouble(null);
    this.making.setInfo(null, e.message);
  }

  /* key: the one that was sent; by now there may be another. */
  later(e, key) {
    this.trouble(e);
    if (e.kind === 'key' && key !== this.acts.getKey())
      this.timer = setTimeout(() => this.again());
    else if (e.kind === 'key')
      this.acts.askKey(() => this.again());
    else
      this.timer = setTimeout(() => this.again(), TRY_AGAIN_MS);
  }

  again() {
    if (this.shown && !this.ready) this.show(location.hash.split('/').slice(1));
  }

  trouble(e) {
    const banner = $('pictures-trouble');
    banner.hidden = !e;
    if (e) banner.replaceChildren(icon('alert'), el('span', {}, e.message));
  }

  /* --- jobs */

  lastSeed() {
    const [newest] = this.gallery.entries;
    return newest?.result.seed ?? newest?.job.request?.seed ?? null;
  }

  async submit(request) {
    try {
      this.added(await this.jobs.submit(request), request);
    } catch (e) {
      if (e.kind === 'key') this.acts.askKey(null);
      throw e;
    }
  }

  added(job, request) {
    this.feed.add(job, request);
    announce('Waiting for its turn');
    if (matchMedia('(max-width: 960px)').matches) {
      const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
      $('queue-part').scrollIntoView({behavior, block: 'start'});
    }
  }

  async attempt(what) {
    try {
      return await what();
    } catch (e) {
      if (e.kind === 'key') this.acts.askKey(null);
      toast(e.message);
      return null;
    }
  }

  async cancel(id) {
    const job = await this.attempt(() => this.jobs.cancel(id));
    if (!job) return;
    announce(job.cancelling ? 'Stopping' : 'Cancelled');
    this.feed.refresh();
  }

  async retry(job) {
    const again = await this.attempt(() => this.jobs.retry(job.id));
    if (again) this.added(again, job.request);
  }

  async ended(job) {
    if (job.results === null || job.request === null) {
      try {
        job = await this.jobs.get(job.id);
      } catch {
        return;
      }
    }
    this.gallery.put(job);
    if (Date.now() - (job.finished ?? 0) < 60000) {
      const noun = job.kind === 'video' ? 'Clip' : 'Picture';
      announce(job.state === 'done' ? `${noun} done` :
                   job.state === 'failed' ? `${noun} failed: ${job.error}` :
                                            job.state);
    }
    if (this.unknown(job.kind)) this.lookAgain();
  }

  /* Whether the server has not loaded that model yet. */
  unknown(kind) {
    const {info} = this.making;
    return (kind === 'video' ? info?.video?.loaded : info?.loaded) === false;
  }

  /* Once a model was loaded, the server knows its size. */
  async lookAgain() {
    try {
      this.making.setInfo(await this.jobs.info(), null);
    } catch {
      /* then with the next picture */
    }
  }

  /* True when it is gone. */
  async remove(job) {
    const n = job.results.length;
    if (n > 0) {
      const what = n > 1 ? `these ${n} pictures, which were made together` :
          job.kind === 'video' ? 'this clip' :
                                 'this picture';
      if (!await confirmed(`Delete ${n > 1 ? 'them' : 'it'}?`, `The server deletes ${what}, for good.`, 'Delete'))
        return false;
    }
    if (!await this.attempt(() => this.jobs.remove(job.id))) return false;
    this.feed.forget(job.id);
    this.gallery.drop(job.id);
    announce('Deleted');
    return true;
  }

  /* --- the viewer, whose picture the address names */

  open(id, index) {
    history.pushState({viewer: true}, '', `${HASH}/${id}/${index}`);
    this.view(id, index);
  }

  /* The neighbours are known of what is in the gallery; others, of older pages, are asked for. */
  async view(id, index) {
    const {entries} = this.gallery;
    const at = entries.findIndex((e) => e.job.id === id && e.result.index === index);
    let entry = entries[at];
    if (!entry) {
      const job = /^[a-z0-9]+$/.test(id) ? await this.attempt(() => this.jobs.get(id)) : null;
      const result = job?.results?.find((r) => r.index === index);
      if (!result) return this.leave();
      entry = {job, result};
    }
    const canStart = this.making.info?.model && this.making.info.has_encoder !== false;
    return this.viewer.show(entry.job, entry.result,
                            {first: at <= 0, last: at < 0 || at === entries.length - 1, canStart});
  }

  step(by) {
    const {entries} = this.gallery;
    const {at} = this.viewer;
    if (!at) return;
    const now = entries.findIndex((e) => e.job.id === at.job.id && e.result.index === at.result.index);
    const next = entries[now + by];
    if (now < 0 || !next) return;
    history.replaceState(history.state, '', `${HASH}/${next.job.id}/${next.result.index}`);
    this.view(next.job.id, next.result.index);
    if (now + by >= entries.length - 2 && this.gallery.cursor !== null) this.gallery.loadOlder().catch(() => {});
  }

  /* Back to the gallery's address; the dialog is closed already or never was open. */
  leave() {
    if (!location.hash.startsWith(`${HASH}/`)) return;
    if (history.state?.viewer)
      history.back();
    else
      history.replaceState(null, '', HASH);
  }

  viewerClosed() {
    const [, id, index] = location.hash.split('/');
    this.leave();
    if (id && this.shown && !$('make').contains(document.activeElement)) this.gallery.focusOn(id, index);
  }

  use() {
    const {job, result} = this.viewer.at;
    this.viewer.close();
    this.making.use(job, result);
    this.making.focus();
    if (job.request?.start) toast('It began from a picture, which has to be chosen again.');
  }

  async startFrom() {
    const {result} = this.viewer.at;
    const blob = await this.attempt(() => this.jobs.file(result.url));
    if (!blob) return;
    this.viewer.close();
    await this.making.startFrom(blob);
    this.making.focus();
  }

  async download() {
    const {job, result} = this.viewer.at;
    let url = result.url;
    if (this.acts.getKey()) {
      const blob = await this.attempt(() => this.jobs.file(result.url));
      if (!blob) return;
      url = URL.createObjectURL(blob);
      setTimeout(() => URL.revokeObjectURL(url), 60000);
    }
    el('a', {href: url, download: `loam-${job.id.slice(0, 8)}-${result.index + 1}.${result.ending}`}).click();
  }

  async removeViewed() {
    const {job, result} = this.viewer.at;
    const {entries} = this.gallery;
    const next =
        entries.slice(entries.findIndex((e) => e.job === job && e.result === result)).find((e) => e.job.id !== job.id);
    if (!await this.remove(job)) return;
    if (next) {
      history.replaceState(history.state, '', `${HASH}/${next.job.id}/${next.result.index}`);
      this.view(next.job.id, next.result.index);
    } else {
      this.viewer.close();
    }
  }

  focus() { this.making.focus(); }
}
