/* Draws an answer while it grows. Blocks of Markdown that can no longer change are drawn once; only the last one is drawn
 * again, at most once a frame, so the work per word does not grow with the answer. */
import {blocks, colour, normalise, toFragment} from '/markdown.js';

const SHARE = 3; /* of the time, at most one part in so many goes into drawing */
const LIVE_COLOUR_LIMIT = 20000; /* characters of a growing code block that are coloured as it grows */

export class Growing {
  /* root: an element of its own. drawn(): called after each drawing. */
  constructor(root, drawn = () => {}) {
    this.root = root;
    this.drawn = drawn;
    this.text = '';
    this.settled = 0;  /* characters (normalised) drawn for good */
    this.live = [];    /* nodes of the block that may still change */
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
    if (/^ {0,3}\[[^\]\n]+\]:/m.test(text)) { /* a link's address that was given later changes earlier blocks */
      this.root.replaceChildren();
      this.settled = 0;
      this.live = [];
    }
    this.draw(true);
    this.drawn();
  }

  draw(last) {
    const text = normalise(this.text);
    const tokens = blocks(text.slice(this.settled));
    let at = this.settled;
    let newest = -1;
    tokens.forEach((t, i) => {
      if (t.type !== 'space') newest = i;
    });
    const done = [];
    let from = 0;
    for (let i = 0; i < (last ? tokens.length : newest); i++) {
      if (!last && !text.startsWith(tokens[i].raw, at)) break; /* marked read it otherwise: draw it all again next time */
      at += tokens[i].raw.length;
      done.push(tokens[i]);
      from = i + 1;
    }
    const growing = tokens.slice(from);
    if (!done.length && this.growCode(growing)) return;
    if (done.length) {
      this.replaceLive(done);
      colour(this.live);
      this.live = [];
      this.settled = at;
    }
    if (growing.length || !last) this.replaceLive(growing);
    if (!last) this.placeCaret();
  }

  replaceLive(tokens) {
    for (const node of this.live) node.remove();
    const fragment = toFragment(tokens);
    this.live = [...fragment.childNodes];
    this.root.append(fragment);
    if (tokens.length === 1 && tokens[0].type === 'code' && tokens[0].text.length < LIVE_COLOUR_LIMIT) colour(this.live);
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
           /^(UL|OL|LI|BLOCKQUOTE|P|TABLE|TBODY|TR|TD)$/.test(end.lastElementChild.nodeName) && !trailsText(end)) end = end.lastElementChild;
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
