/* The conversation on view, and how it scrolls: with the answer while the reader is at the end, and not at all once
 * they have scrolled up. */
import {$} from '/dom.js';
import {Answer, Question} from '/message.js';
import {childrenOf, path} from '/tree.js';

const NEAR_PX = 48; /* so close to the end counts as being there */

export class Thread {
  /* acts: what Question and Answer need */
  constructor(acts) {
    this.acts = {...acts, drawn: () => this.follow()};
    this.root = $('thread');
    this.scroll = $('scroll');
    this.views = new Map(); /* message's id → Question or Answer */
    this.conversation = null;
    this.following = true;
    this.lastTop = 0;
    this.scroll.addEventListener('scroll', () => this.scrolled(), {passive: true});
    this.scroll.addEventListener('wheel', (e) => {
      if (e.deltaY < 0) this.following = false;
    }, {passive: true});
    $('jump').addEventListener('click', () => this.toEnd());
    new ResizeObserver(() => this.follow()).observe(this.scroll);
    new ResizeObserver(() => this.scrolled()).observe(this.root);
  }

  distance() { return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight; }

  scrolled() {
    const top = this.scroll.scrollTop;
    if (this.distance() < NEAR_PX)
      this.following = true;
    else if (top < this.lastTop)
      this.following = false;
    this.lastTop = top;
    $('jump').hidden = this.distance() < 2 * NEAR_PX;
  }

  follow() {
    if (this.following) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  toEnd() {
    this.following = true;
    this.follow();
  }

  viewOf(m) {
    let view = this.views.get(m.id);
    if (view?.message !== m) {
      view = m.role === 'user' ? new Question(m, this.acts) : new Answer(m, this.acts);
      this.views.set(m.id, view);
    }
    return view;
  }

  /* Shows c (or nothing): after a change of branch, of messages, or of conversation. */
  show(c) {
    const other = c !== this.conversation;
    if (other) this.views.clear();
    this.conversation = c;
    const messages = c ? path(c) : [];
    const views = messages.map((m) => this.viewOf(m));
    const nodes = views.map((v) => v.node);
    const same = nodes.length === this.root.children.length && nodes.every((n, i) => n === this.root.children[i]);
    if (!same) this.root.replaceChildren(...nodes);
    views.forEach((v) => v.refresh(childrenOf(c, v.message.parent)));
    $('empty').hidden = messages.length > 0;
    if (other) this.toEnd();
    this.scrolled();
  }

  /* A run moved on or ended; nothing to do when it is not on view. */
  grow(run) {
    if (run.conversation === this.conversation) this.views.get(run.answer.id)?.grow(run);
  }

  end(run) {
    if (run.conversation !== this.conversation) return;
    this.views.get(run.answer.id)?.end();
    this.show(this.conversation);
    this.follow();
  }

  editLast() {
    const last = this.conversation && path(this.conversation).findLast((m) => m.role === 'user');
    this.views.get(last?.id)?.edit?.();
  }
}
