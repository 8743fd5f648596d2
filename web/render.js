/* Draws an answer while it grows. Blocks of Markdown that can no longer change are drawn once; only the last one is
 * drawn again, at most once a frame, so the work per word does not grow with the answer. */
import {blocks, colour, normalise, toFragment} from '/markdown.js';

const SHARE = 3;                 /* of the time, at most one part in so many goes into drawing */
const LIVE_COLOUR_LIMIT = 20000; /* characters of a growing code block that are coloured as it grows */

export class Growing {
  /* root: an element of its own. drawn(): called after each drawing. */
  constructor(root, drawn = () => {}) {
    this.root = root;
    this.drawn = drawn;
    this.text = '';
    this.settled = 0; /* characters (normalised) drawn for good */
    this.seen = 0;    /* characters of the complete lines that were looked at */
    this.live = [];   /* nodes of the block that may still change */
    this.frame = 0;
    this.notBefore = 0;
  }

  update(text) {
    this.text = text;
    this.schedule();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      if (now < this.notBefore) return this.schedule();
      const begun = performance.now();
      this.draw(false);
      this.notBefore = performance.now() + (performance.now() - begun) * (SHARE - 1);
      return this.drawn();
    });
  }

  /* Draws what is left, for good. */
  finish(text) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.text = text;
    this.root.querySelector('.caret')?.remove();
    if (/^ {0,3}\[[^\]\n]+\]:|<details/im.test(
            text)) { /* a link's address given later, or a tag around several blocks */
      this.root.replaceChildren();
      this.settled = 0;
      this.live = [];
    }
    this.draw(true);
    this.drawn();
  }

  /* The tokens, from `settled` on, that can no longer change: of the complete lines, all blocks but the last. (A line
   * that is still growing may yet join that one: "2" after a list's item becomes "2. ", the next item.) */
  settle(text) {
    const lines = text.lastIndexOf('\n') + 1;
    if (lines <= this.seen) return [];
    this.seen = lines;
    const tokens = blocks(text.slice(this.settled, lines));
    const newest = tokens.findLastIndex((t) => t.type !== 'space');
    const done = [];
    let at = this.settled;
    for (let i = 0; i < newest && text.startsWith(tokens[i].raw, at); i++) {
      at += tokens[i].raw.length;
      done.push(tokens[i]);
    }
    this.settled = at;
    return done;
  }

  draw(last) {
    const text = normalise(this.text);
    const done = last ? blocks(text.slice(this.settled)) : this.settle(text);
    if (done.length) {
      this.replaceLive(done);
      colour(this.live);
      this.live = [];
    }
    if (last) return;
    const growing = blocks(text.slice(this.settled));
    if (!done.length && this.growCode(growing)) return;
    this.replaceLive(growing);
    this.placeCaret();
  }

  replaceLive(tokens) {
    for (const node of this.live) node.remove();
    const fragment = toFragment(tokens);
    this.live = [...fragment.childNodes];
    this.root.append(fragment);
    if (tokens.length === 1 && tokens[0].type === 'code' && tokens[0].text.length < LIVE_COLOUR_LIMIT)
      colour(this.live);
  }

  /* A code block that only got longer keeps its frame, and with it its button and scroll position. */
  growCode(tokens) {
    const figure = this.live.find((n) => n.nodeName === 'FIGURE');
    const token = tokens.length === 1 && tokens[0].type === 'code' ? tokens[0] : null;
    if (!token || !figure || this.live.some((n) => n.nodeType === Node.ELEMENT_NODE && n !== figure)) return false;
    if ((token.lang ?? '').match(/^[\w+#.-]{0,30}/)[0] !== figure.language) return false;
    const code = figure.querySelector('code');
    if (code.textContent !== token.text) {
      code.textContent = token.text;
      if (token.text.length < LIVE_COLOUR_LIMIT && window.hljs) colour([figure]);
    }
    return true;
  }

  placeCaret() {
    this.root.querySelector('.caret')?.remove();
    let end = this.root.lastElementChild;
    while (end?.lastElementChild && /^(UL|OL|LI|BLOCKQUOTE|P|DIV|TABLE|TBODY|TR)$/.test(end.nodeName) &&
           /^(UL|OL|LI|BLOCKQUOTE|P|TABLE|TBODY|TR|TD)$/.test(end.lastElementChild.nodeName) && !trailsText(end))
      end = end.lastElementChild;
    if (!end || end.nodeName === 'FIGURE' || end.nodeName === 'HR') return;
    const caret = document.createElement('span');
    caret.className = 'caret';
    end.append(caret);
  }
}

const trailsText = (node) => node.lastChild.nodeType === Node.TEXT_NODE && node.lastChild.textContent.trim() !== '';

/* A whole text at once. */
export function drawWhole(root, text) {
  const fragment = toFragment(blocks(normalise(text)));
  colour(fragment.childNodes);
  root.replaceChildren(fragment);
}
