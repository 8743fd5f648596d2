/* What a person may set, kept in this browser: how answers are made, the server's key, light or dark. */
import {$, el, iconButton} from '/dom.js';
import {readSetting, writeSetting} from '/store.js';

const KEY = 'loam.settings';
const MAX_TOKENS = 2048; /* small models may go on for ever */
const THEMES = ['system', 'light', 'dark'];
const systemDark = matchMedia('(prefers-color-scheme: dark)');

/* null: left to the server */
const blank = () => ({system: '', temperature: null, top_p: null, max_tokens: null, seed: null, key: ''});

function within(v, least, most, whole) {
  return typeof v === 'number' && v >= least && v <= most && (!whole || Number.isSafeInteger(v)) ? v : null;
}

export class Settings {
  /* changed(): after the key was changed. themed(): after the theme was. */
  constructor({keyChanged, themed}) {
    const stored = readSetting(KEY) ?? {};
    this.values = {
      ...blank(),
      system: typeof stored.system === 'string' ? stored.system : '',
      key: typeof stored.key === 'string' ? stored.key : '',
      temperature: within(stored.temperature, 0, 2),
      top_p: within(stored.top_p, 0, 1),
      max_tokens: within(stored.max_tokens, 1, 1e6, true),
      seed: within(stored.seed, 0, Number.MAX_SAFE_INTEGER, true),
    };
    this.keyChanged = keyChanged;
    this.themed = themed;
    this.dialog = $('settings');
    this.dialog.addEventListener('click', (e) => {
      if (e.target === this.dialog) this.dialog.close();
    });
    systemDark.addEventListener('change', () => this.themed());
  }

  get sampling() {
    const {temperature, top_p, max_tokens, seed} = this.values;
    return Object.fromEntries(
        Object.entries({temperature, top_p, max_tokens: max_tokens ?? MAX_TOKENS, seed}).filter(([, v]) => v !== null));
  }

  set(name, value) {
    this.values[name] = value;
    writeSetting(KEY, this.values);
    if (name === 'key') this.keyChanged();
  }

  get theme() { return document.documentElement.dataset.theme ?? 'system'; }

  get dark() { return this.theme === 'dark' || (this.theme === 'system' && systemDark.matches); }

  setTheme(theme) {
    if (theme === 'system')
      delete document.documentElement.dataset.theme;
    else
      document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem('loam.theme', theme);
    } catch {
      /* blocked: it holds until the page is left */
    }
    this.themed();
  }

  /* The other one of light and dark; if that is what the system wants, the system is followed again. */
  flipTheme() {
    const want = this.dark ? 'light' : 'dark';
    this.setTheme((want === 'dark') === systemDark.matches ? 'system' : want);
  }

  slider(name, label, most, step, help) {
    const id = `set-${name}`;
    const box = el('input', {id, type: 'range', min: 0, max: most, step, 'aria-describedby': `${id}-help`});
    const out = el('output', {for: id
    });
    const reset = el('button', {type: 'button', class: 'link-button'}, 'automatic');
    const draw = () => {
      const v = this.values[name];
      box.value = v ?? (name === 'top_p' ? 0.95 : 0.8);
      box.classList.toggle('automatic', v === null);
      box.setAttribute('aria-valuetext', v === null ? 'automatic' : String(v));
      out.textContent = v === null ? 'automatic' : v.toFixed(2);
      reset.hidden = v === null;
    };
    box.addEventListener('input', () => {
      this.set(name, Number(box.value));
      draw();
    });
    reset.addEventListener('click', () => {
      this.set(name, null);
      draw();
      box.focus();
    });
    draw();
    return el('div', {class: 'field'},
              el('div', {class: 'field-head'}, el('label', {for: id
                 }, label), out, reset), box, el('p', {id: `${id}-help`, class: 'faint'}, help));
  }

  number(name, label, placeholder, least, most, help) {
    const id = `set-${name}`;
    const box = el('input', {
      id,
      type: 'number',
      min: least,
      max: most,
      step: 1,
      placeholder,
      inputmode: 'numeric',
      'aria-describedby': `${id}-help`
    });
    box.value = this.values[name] ?? '';
    box.addEventListener('input', () => {
      const v = box.value === '' && box.validity.valid ? null : within(Number(box.value), least, most, true);
      const bad = v === null && (box.value !== '' || !box.validity.valid);
      box.setAttribute('aria-invalid', String(bad));
      if (!bad) this.set(name, v);
    });
    return el('div', {class: 'field'}, el('label', {for: id
              }, label), box, el('p', {id: `${id}-help`, class: 'faint'}, help));
  }

  systemField() {
    const box = el('textarea',
                   {id: 'set-system', rows: 3, placeholder: 'You are a patient gardener who answers in a few words.'});
    box.value = this.values.system;
    box.addEventListener('input', () => this.set('system', box.value.trim()));
    return el('div', {class: 'field'},
              el('label',
                 {for: 'set-system'
                 },
                 'Instructions'),
              box, el('p', {class: 'faint'}, 'Told to the model before every conversation (the system prompt).'));
  }

  keyField() {
    const box =
        el('input', {id: 'set-key', type: 'password', autocomplete: 'off', spellcheck: 'false', placeholder: 'none'});
    box.value = this.values.key;
    box.addEventListener('change', () => this.set('key', box.value.trim()));
    return el(
        'form', {
          class: 'field',
          onsubmit: (e) => {
            e.preventDefault();
            this.dialog.close();
          }
        },
        el('label', {for: 'set-key'
        }, 'API key'), box, el('p', {class: 'faint'}, 'Only if this server asks for one. It stays in this browser.'));
  }

  themeField() {
    const group = el('div', {class: 'segments', role: 'radiogroup', 'aria-label': 'Appearance'});
    for (const theme of THEMES) {
      const id = `theme-${theme}`;
      const box = el('input', {type: 'radio', name: 'theme', id, value: theme, onchange: () => this.setTheme(theme)});
      box.checked = this.theme === theme;
      group.append(box, el('label', {for: id
                   }, theme[0].toUpperCase() + theme.slice(1)));
    }
    return el('div', {class: 'field'}, el('span', {class: 'field-name'}, 'Appearance'), group);
  }

  open() {
    const reset = () => {
      const {key} = this.values;
      this.values = {...blank(), key};
      writeSetting(KEY, this.values);
      this.draw(reset);
    };
    this.draw(reset);
    this.dialog.showModal();
    this.dialog.focus();
  }

  draw(reset) {
    const close = () => this.dialog.close();
    this.dialog.replaceChildren(
        el('header', {class: 'dialog-head'}, el('h2', {id: 'settings-title'}, 'Settings'),
           iconButton('close', 'Close', close)),
        el('div', {class: 'dialog-body'}, this.systemField(),
           this.slider('temperature', 'Temperature', 2, 0.05, 'Low: plain and steady. High: surprising.'),
           this.slider('top_p', 'Top-p', 1, 0.01, 'Picks among the likeliest words that make up this share.'),
           el('div', {class: 'pair'},
              this.number('max_tokens', 'Longest answer', String(MAX_TOKENS), 1, 1e6,
                          'In tokens, about ¾ of a word each.'),
              this.number('seed', 'Seed', 'new each time', 0, Number.MAX_SAFE_INTEGER,
                          'The same seed gives the same answer.')),
           this.keyField(), this.themeField()),
        el('footer', {class: 'dialog-foot'},
           el('a', {href: '/licences.txt', target: '_blank', rel: 'noopener'}, 'Licences'),
           el('button', {type: 'button', class: 'button', onclick: reset}, 'Reset'),
           el('button', {type: 'button', class: 'button strong', onclick: close}, 'Done')));
    this.dialog.tabIndex = -1;
  }

  /* Asks for the server's key; entered(): after one was given. */
  askKey(entered) {
    const dialog = $('ask-key');
    if (dialog.open) return;
    const box = el('input', {id: 'ask-key-box', type: 'password', autocomplete: 'off', spellcheck: 'false'});
    const tried = this.values.key !== '';
    const form = el(
        'form', {
          onsubmit: (e) => {
            e.preventDefault();
            if (!box.value.trim()) return box.focus();
            dialog.close();
            this.set('key', box.value.trim());
            return entered();
          }
        },
        el('header', {class: 'dialog-head'},
           el('h2', {id: 'key-title'}, tried ? 'That key does not fit' : 'This server asks for a key'),
           iconButton('close', 'Close', () => dialog.close())),
        el('div', {class: 'dialog-body'},
           el('div', {class: 'field'},
              el('label',
                 {for: 'ask-key-box'
                 },
                 'API key'),
              box, el('p', {class: 'faint'}, 'Whoever started the server knows it. It stays in this browser.'))),
        el('footer', {class: 'dialog-foot'}, el('button', {type: 'submit', class: 'button strong'}, 'Use this key')));
    dialog.replaceChildren(form);
    dialog.showModal();
    box.focus();
  }
}
