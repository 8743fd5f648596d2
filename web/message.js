/* One message on view: a question in its bubble, or an answer with its tools and figures. */
import {announce, copyWith, el, icon, iconButton} from '/dom.js';
import {Growing, drawWhole} from '/render.js';

const ENDINGS = {
  stop: 'complete',
  length: 'cut at the length limit',
  stopped: 'stopped',
  interrupted: 'interrupted',
};

function pager(siblings, m, select) {
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(m);
  const step = (by, name, label) =>
      iconButton(name, label, () => select(siblings[at + by]), {disabled: at + by < 0 || at + by >= siblings.length});
  return el('span', {class: 'pager', role: 'group', 'aria-label': 'Versions'}, step(-1, 'left', 'Earlier version'),
            el('span', {class: 'pager-count'}, `${at + 1}/${siblings.length}`), step(1, 'right', 'Later version'));
}

export class Question {
  /* acts: {edit(m, text), select(m)} */
  constructor(m, acts) {
    this.message = m;
    this.acts = acts;
    this.bubble = el('div', {class: 'bubble'}, m.content);
    this.tools = el('div', {class: 'tools'});
    this.node =
        el('article', {class: 'message question', 'aria-label': 'You', 'data-id': m.id}, this.bubble, this.tools);
  }

  refresh(siblings) {
    const copy = iconButton('copy', 'Copy message', () => copyWith(copy, this.message.content));
    this.tools.replaceChildren(
        ...[pager(siblings, this.message, this.acts.select),
            iconButton('edit', 'Edit and send again', () => this.edit(), {'data-act': 'edit'}), copy]
            .filter(Boolean));
  }

  edit() {
    if (this.form) return;
    const box = el('textarea', {class: 'edit-box', 'aria-label': 'Edit the message', rows: 1});
    const grow = () => {
      box.style.height = 'auto';
      box.style.height = `${box.scrollHeight}px`;
    };
    const close = () => {
      this.form?.replaceWith(this.bubble);
      this.form = null;
      this.node.classList.remove('editing');
      this.tools.querySelector('[data-act=edit]')?.focus();
    };
    const send = () => {
      const text = box.value.trim();
      if (text && this.acts.edit(this.message, text)) close();
    };
    box.value = this.message.content;
    this.form =
        el('form', {
          class: 'edit',
          onsubmit: (e) => {
            e.preventDefault();
            send();
          }
        },
           box,
           el('div', {class: 'edit-buttons'}, el('button', {type: 'button', class: 'button', onclick: close}, 'Cancel'),
              el('button', {type: 'submit', class: 'button strong'}, 'Send again')));
    box.addEventListener('input', grow);
    box.addEventListener('keydown', (e) => {
      if (e.isComposing) return;
      if (e.key === 'Escape') {
        e.stopPropagation();
        close();
      } else if (e.key === 'Enter' && !e.shiftKey) {
        e.preventDefault();
        send();
      }
    });
    this.node.classList.add('editing');
    this.bubble.replaceWith(this.form);
    grow();
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }
}

function figures(stats) {
  if (!stats) return [];
  const out = [];
  if (stats.rate)
    out.push(`${stats.about ? '≈ ' : ''}${stats.rate < 10 ? stats.rate.toFixed(1) : Math.round(stats.rate)} tokens/s`);
  if (stats.reused) out.push(`${stats.reused} reused`);
  out.push(ENDINGS[stats.finish] ?? stats.finish);
  return out;
}

function figuresInFull(stats, model) {
  if (!stats) return '';
  return [
    stats.tokens !== undefined && `${stats.tokens} tokens written`,
    stats.prompt !== undefined && `${stats.prompt} tokens read, of which ${stats.reused ?? 0} reused from before`,
    Number.isSafeInteger(stats.seed) && `seed ${stats.seed}`, model
  ].filter(Boolean)
      .join('\n');
}

export class Answer {
  /* acts: {regenerate(m), retry(m), select(m), drawn()} */
  constructor(m, acts) {
    this.message = m;
    this.acts = acts;
    this.text = el('div', {class: 'md'});
    this.wait = el('div', {class: 'wait', hidden: true},
                   el('span', {class: 'dots', 'aria-hidden': 'true'}, el('i'), el('i'), el('i')),
                   el('span', {class: 'wait-text'}));
    this.failure = el('div', {class: 'failure', role: 'alert', hidden: true});
    this.tools = el('div', {class: 'tools'});
    this.node = el('article', {class: 'message answer', 'aria-label': 'Answer', 'data-id': m.id},
                   el('img', {class: 'avatar', src: '/mark.svg', alt: '', width: 24, height: 24}),
                   el('div', {class: 'body'}, this.wait, this.text, this.failure, this.tools));
    if (m.streaming)
      this.begin();
    else
      drawWhole(this.text, m.content);
  }

  begin() {
    this.text.replaceChildren();
    this.growing = new Growing(this.text, this.acts.drawn);
    this.node.setAttribute('aria-busy', 'true');
    if (this.message.content) this.growing.update(this.message.content);
  }

  /* The run moved on. */
  grow(run) {
    if (!this.growing) this.begin();
    const begun = this.message.content !== '';
    const p = run.progress;
    this.wait.hidden = begun;
    this.wait.querySelector('.wait-text').textContent = p && p.processed < p.total && p.total - p.cache > 256 ?
        `reading ${p.processed.toLocaleString()} of ${p.total.toLocaleString()} tokens` :
        '';
    this.failure.hidden = true;
    if (begun) this.growing.update(this.message.content);
  }

  end() {
    this.growing?.finish(this.message.content);
    this.growing = null;
    this.wait.hidden = true;
    this.node.removeAttribute('aria-busy');
    announce(this.message.error ? this.message.error.message : this.text.textContent.slice(0, 1500));
  }

  refresh(siblings) {
    const m = this.message;
    if (m.streaming) {
      this.wait.hidden = m.content !== '';
      this.tools.replaceChildren();
      return;
    }
    const copy = iconButton('copy', 'Copy answer', () => copyWith(copy, m.content));
    const parts = [
      pager(siblings, m, this.acts.select), m.content && copy,
      (m.content || !m.error) &&
          iconButton('again', 'Answer again', () => this.acts.regenerate(m), {'data-act': 'again'}),
      el('span', {class: 'figures', title: figuresInFull(m.stats, m.model)},
         ...figures(m.stats).map((f) => el('span', {}, f)))
    ];
    this.tools.replaceChildren(...parts.filter(Boolean));
    this.refreshFailure();
  }

  refreshFailure() {
    const {error} = this.message;
    this.failure.hidden = !error;
    if (!error) return;
    const more = {
      context: 'Start a new chat, or edit an earlier message to make it shorter.',
      busy: 'It has a lot to do; a moment later it may go.'
    }[error.kind];
    this.failure.replaceChildren(
        icon(error.kind === 'key' ? 'key' : 'alert'),
        el('div', {}, el('p', {}, error.message), more && el('p', {class: 'faint'}, more)),
        el('button',
           {type: 'button', class: 'button', 'data-act': 'retry', onclick: () => this.acts.retry(this.message)},
           'Try again'));
  }
}
