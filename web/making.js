/* The form that asks for pictures and clips. */
import {$, el, icon, iconButton} from '/dom.js';
import {checkField, choiceField, idOf, numberField, rangeField, segments, textField} from '/fields.js';
import {Start} from '/start.js';
import {checkedWish, fitted, loadWishes, presets, randomSeed, requestOf, saveWishes, sizeOf} from '/wish.js';

const NOUN = {
  image: 'picture',
  video: 'clip'
};
const EXAMPLE = {
  image: 'A fox asleep in autumn leaves, soft morning light',
  video: 'A paper boat on a stream, the camera follows it',
};
const HOW = {
  image: 'loam serve --image-model PATH',
  video: 'loam serve --video-model PATH'
};

const list = (v) => (Array.isArray(v) ? v.filter((s) => typeof s === 'string') : []);
const hint = (v, otherwise) => (typeof v === 'number' ? String(+v.toFixed(3)) : otherwise);

export class Making {
  /* acts: {submit(request) → promise, lastSeed() → number or null, shown() → whether the view is on} */
  constructor(acts) {
    this.acts = acts;
    this.wishes = loadWishes();
    this.info = null;
    this.refusal = null; /* why there is nothing to make pictures with */
    this.controls = {};
    this.form = $('make');
    this.start = new Start({
      changed: () => this.startChanged(),
      taken: (picture) => this.setSize(...fitted(this.able, picture.width, picture.height)),
      wanted: () => acts.shown() && this.kind === 'image' && this.canStart,
    });
    this.form.addEventListener('submit', (e) => {
      e.preventDefault();
      this.submit();
    });
    this.form.addEventListener('keydown', (e) => {
      if (e.key === 'Enter' && (e.ctrlKey || e.metaKey) && !e.isComposing) this.submit();
    });
  }

  get kind() { return this.wishes.kind; }

  get wish() { return this.wishes[this.kind]; }

  /* What the server says of the model for this kind; null: it has none. */
  get able() {
    if (this.kind === 'video')
      return this.info?.video_model ? {...this.info.video, model: this.info.video_model} : null;
    return this.info?.model ? this.info : null;
  }

  get canStart() { return Boolean(this.able) && this.able.has_encoder !== false; }

  set(name, value) {
    this.wish[name] = value;
    saveWishes(this.wishes);
  }

  setInfo(info, refusal) {
    this.info = info;
    this.refusal = refusal;
    if (info && !info.model && info.video_model) this.wishes.kind = 'video';
    this.draw();
  }

  /* --- drawing */

  draw() {
    const at = this.form.contains(document.activeElement) ? document.activeElement : null;
    const [from, to] = at?.matches('textarea') ? [at.selectionStart, at.selectionEnd] : [];
    const open = $('pic-more')?.open;
    const mode = segments('kind', 'What to make', [['image', 'Picture'], ['video', 'Clip']], (kind) => {
      this.wishes.kind = kind;
      saveWishes(this.wishes);
      this.draw();
    });
    mode.show(this.kind);
    this.controls = {};
    this.form.replaceChildren(mode.node, ...(this.able ? this.fields() : [this.explanation()]));
    if ($('pic-more')) $('pic-more').open = Boolean(open);
    for (const [name, control] of Object.entries(this.controls)) control.show(this.wish[name]);
    if (this.able) this.sizeChanged();
    this.startChanged();
    const again = at?.id && document.getElementById(at.id);
    if (!again) return;
    again.focus();
    if (from !== undefined) again.setSelectionRange?.(from, to);
  }

  explanation() {
    const own = this.kind === 'video' ? 'This server was started without a video model, so it makes no clips.' :
                                        'This server was started without a picture model, so it makes no pictures.';
    return el('div', {class: 'lacking'}, icon(this.kind === 'video' ? 'film' : 'picture'),
              el('p', {}, (this.kind === 'image' && this.refusal) || own),
              el('p', {class: 'faint'}, 'Whoever runs the server can start it with one:'),
              el('code', {}, HOW[this.kind]));
  }

  keep(name, control) {
    this.controls[name] = control;
    return control.node;
  }

  number(name, label, bounds) {
    return this.keep(name, numberField(name, label, bounds, (v) => {
                       this.set(name, v);
                       if (name === 'width' || name === 'height') this.sizeChanged();
                       if (name === 'seed') this.seedChanged();
                     }));
  }

  fields() {
    const {kind, able} = this;
    const defaults = able.defaults ?? able;
    const prompt = textField('prompt', 'Prompt', {rows: 3, hint: EXAMPLE[kind]}, (v) => this.set('prompt', v));
    const negative = textField('negative', 'Not wanted', {rows: 1, hint: 'blurry, text, extra fingers'},
                               (v) => this.set('negative', v));
    const steps = this.number('steps', 'Steps', {least: 1, most: 1000, hint: hint(defaults.steps, 'model’s own')});
    const guidance = this.number('guidance', 'Guidance',
                                 {least: 0, most: 100, step: 0, hint: hint(defaults.guidance, 'model’s own')});
    this.button = el('button', {type: 'submit', class: 'button strong make-button'}, `Make ${NOUN[kind]}`);
    this.problem = el('p', {class: 'problem', role: 'alert', hidden: true});
    return [
      this.keep('prompt', prompt), this.keep('negative', negative), kind === 'image' && this.startFields(),
      this.sizeFields(), el('div', {class: 'pair'}, steps, guidance), this.countFields(), this.seedField(), this.more(),
      el('div', {class: 'make-foot'}, this.problem, this.button)
    ].filter(Boolean);
  }

  startFields() {
    if (!this.canStart)
      return el('p', {class: 'faint'}, 'This model has no encoder, so it cannot start from a picture.');
    const {defaults} = this.able;
    this.strength = rangeField('strength', 'Change', {
      least: 0.05,
      most: 1,
      step: 0.05,
      start: defaults?.strength ?? 0.75,
      help: 'Low keeps the picture, high keeps only its layout.'
    },
                               (v) => this.set('strength', v));
    return el('div', {class: 'start-part'}, this.start.node, this.keep('strength', this.strength));
  }

  startChanged() {
    if (this.strength) this.strength.node.hidden = !this.start.picture;
  }

  countFields() {
    const {kind, able} = this;
    if (kind === 'image') return null;
    const unit = able.frame_unit || 1;
    const frames = this.number('frames', 'Frames', {
      least: 1,
      most: able.max_frames || 10000,
      hint: hint(able.frames, 'model’s own'),
      help: unit > 1 ? `1, ${unit + 1}, ${2 * unit + 1}, ${3 * unit + 1}, …` : undefined
    });
    const fps = this.number('fps', 'Frames per second', {least: 1, most: 240, hint: hint(able.fps, 'model’s own')});
    return el('div', {class: 'pair'}, frames, fps);
  }

  sizeFields() {
    const own = sizeOf(this.able);
    this.presets = presets(this.able).map((p) => {
      const isOwn = p.width === own.width && p.height === own.height;
      const shape = p.width === p.height ? 'square' : p.name;
      const button = el('button', {
        type: 'button',
        class: 'preset',
        onclick: () => this.setSize(isOwn ? null : p.width, isOwn ? null : p.height)
      },
                        el('span', {class: `shape ${shape}`, 'aria-hidden': 'true'}), `${p.width} × ${p.height}`);
      return {...p, isOwn, button};
    });
    const bounds = (hint_) => ({least: 1, most: 16384, hint: String(hint_)});
    const swap = iconButton('swap', 'Swap width and height', () => {
      const {width, height} = this.wish;
      this.setSize(height ?? own.height, width ?? own.width);
    });
    return el('div', {class: 'field'}, el('span', {class: 'field-name'}, 'Size'),
              el('div', {class: 'presets', role: 'group', 'aria-label': 'Sizes'}, ...this.presets.map((p) => p.button)),
              el('div', {class: 'sides'}, this.number('width', 'Width', bounds(own.width)), swap,
                 this.number('height', 'Height', bounds(own.height))));
  }

  setSize(width, height) {
    this.set('width', width);
    this.set('height', height);
    this.controls.width?.show(width);
    this.controls.height?.show(height);
    this.sizeChanged();
  }

  sizeChanged() {
    const own = sizeOf(this.able);
    const {width, height} = this.wish;
    for (const p of this.presets)
      p.button.setAttribute('aria-pressed',
                            String(p.width === (width ?? own.width) && p.height === (height ?? own.height)));
  }

  seedField() {
    const seed = numberField('seed', 'Seed', {least: 0, most: Number.MAX_SAFE_INTEGER, hint: 'new each time'}, (v) => {
      this.set('seed', v);
      this.seedChanged();
    });
    this.controls.seed = seed;
    this.keepBox = el('input', {type: 'checkbox', id: 'pic-keep'});
    this.keepBox.addEventListener('change', () => {
      this.setSeed(this.keepBox.checked ? this.wish.seed ?? this.acts.lastSeed() ?? randomSeed() : null);
    });
    const dice = iconButton('dice', 'Roll a seed', () => this.setSeed(randomSeed()));
    seed.node.append(el('div', {class: 'seed'}, seed.box, dice,
                        el('div', {class: 'check'}, this.keepBox, el('label', {'for': 'pic-keep'}, 'Keep'))));
    this.seedChanged();
    if (this.kind === 'video') return seed.node;
    return el('div', {class: 'seed-part'},
              this.number('n', 'Number', {least: 1, most: this.able.limits?.n ?? 64, hint: '1'}), seed.node);
  }

  setSeed(v) {
    this.set('seed', v);
    this.controls.seed.show(v);
    this.seedChanged();
  }

  seedChanged() {
    if (this.keepBox) this.keepBox.checked = this.wish.seed !== null;
  }

  more() {
    const {able, info, kind} = this;
    const names = (v, first) => [[null, first], ...list(v).map((s) => [s, s])];
    const choice = (name, label, options, help) =>
        this.keep(name, choiceField(name, label, options, help, (v) => this.set(name, v)));
    const parts = [el('div', {class: 'pair'},
                      choice('sampler', 'Sampler',
                             names(able.samplers ?? info.samplers,
                                   able.defaults?.sampler ? `automatic (${able.defaults.sampler})` : 'automatic')),
                      choice('schedule', 'Schedule', names(able.schedules ?? info.schedules, 'automatic')))];
    const files =
        kind === 'image' ? [[null, 'PNG'], ['jpeg', 'JPEG'], ['webp', 'WebP']] : [[null, 'MP4'], ['webp', 'WebP']];
    const skip = this.number('clip_skip', 'Skipped text layers', {least: 0, most: 12, hint: 'model’s own'});
    parts.push(el('div', {class: 'pair'}, choice('format', 'File', files), skip));
    if (kind === 'image')
      parts.push(choice('hires', 'Enlarge and refine', [[null, 'no'], [1.5, '1.5 times'], [2, 'twice']]));
    if (able.has_quick)
      parts.push(
          this.keep('quick_decode',
                    checkField('quick_decode', 'Quick, rougher finish (TAESD)', (v) => this.set('quick_decode', v))));
    const loras = list(able.loras ?? info.loras);
    if (loras.length) parts.push(this.loraFields(loras));
    return el('details', {class: 'more', id: 'pic-more'}, el('summary', {}, 'More'), ...parts);
  }

  loraFields(loras) {
    const box = el('fieldset', {class: 'loras'}, el('legend', {}, 'Adapters (LoRA)'));
    loras.forEach((name, i) => {
      const id = `pic-lora-${i}`;
      const tick = el('input', {type: 'checkbox', id});
      const strength = el(
          'input', {type: 'number', step: 'any', min: -100, max: 100, value: 1, 'aria-label': `Strength of ${name}`});
      const draw = () => {
        tick.checked = name in this.wish.loras;
        strength.hidden = !tick.checked;
        if (tick.checked) strength.value = this.wish.loras[name];
      };
      tick.addEventListener('change', () => {
        const chosen = {...this.wish.loras};
        if (tick.checked)
          chosen[name] = 1;
        else
          delete chosen[name];
        this.set('loras', chosen);
        draw();
      });
      strength.addEventListener('input', () => {
        const good = strength.value !== '' && strength.validity.valid;
        strength.setAttribute('aria-invalid', String(!good));
        if (good) this.set('loras', {...this.wish.loras, [name]: Number(strength.value)});
      });
      draw();
      box.append(el('div', {class: 'check'}, tick, el('label', {'for': id}, name), strength));
    });
    return box;
  }

  /* --- doing */

  refuse(sentence, field) {
    this.form.querySelectorAll('[data-refused]').forEach((n) => {
      n.removeAttribute('aria-invalid');
      delete n.dataset.refused;
    });
    this.problem.textContent = sentence ?? '';
    this.problem.hidden = !sentence;
    const control = field && document.getElementById(idOf(field));
    if (!control || !this.form.contains(control)) return;
    if ($('pic-more').contains(control)) $('pic-more').open = true;
    control.setAttribute('aria-invalid', 'true');
    control.dataset.refused = '';
    control.focus();
  }

  async submit() {
    if (!this.able || this.button.disabled) return;
    const bad = this.form.querySelector('[aria-invalid="true"]:not([data-refused])');
    if (bad) {
      if ($('pic-more').contains(bad)) $('pic-more').open = true;
      bad.focus();
      return;
    }
    if (!this.wish.prompt.trim()) {
      this.refuse(`Say what the ${NOUN[this.kind]} is of.`, 'prompt');
      return;
    }
    const {button} = this;
    button.disabled = true;
    try {
      const start = this.kind === 'image' && this.canStart ? this.start.data : null;
      await this.acts.submit(requestOf(this.kind, this.wish, start));
      this.refuse(null);
    } catch (e) {
      this.refuse(e.message, e.param);
    }
    button.disabled = false;
  }

  /* The settings of a job, for another one. */
  use(job, result) {
    this.wishes.kind = job.kind;
    const wish = checkedWish(job.request);
    if (result && result.seed !== null) Object.assign(wish, {seed: checkedWish(result).seed, n: null});
    this.wishes[job.kind] = wish;
    saveWishes(this.wishes);
    this.draw();
  }

  /* A picture that was made, to make the next one of. */
  async startFrom(blob) {
    this.wishes.kind = 'image';
    this.draw();
    await this.start.take(blob);
  }

  focus() { (this.controls.prompt?.box ?? this.form).focus({preventScroll: false}); }
}
