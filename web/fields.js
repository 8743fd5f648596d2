/* Labelled controls of a form. Each is {node, show(value)}; set(value) is called when a person changes it, with null
 * where it was left to the server. */
import {el} from '/dom.js';

/* Keeps ids apart: "pic-" and the name of the request's field, by which a refusal finds its control. */
export const idOf = (name) => `pic-${name}`;

function labelled(name, label, control, help, beside) {
  const id = idOf(name);
  control.id = id;
  if (help) control.setAttribute('aria-describedby', `${id}-help`);
  const title = el('label', {'for': id}, label);
  return el('div', {class: 'field'}, beside ? el('div', {class: 'field-head'}, title, ...beside) : title, control,
            help && el('p', {id: `${id}-help`, class: 'faint'}, help));
}

export function numberField(name, label, {least, most, step = 1, hint = '', help}, set) {
  const box = el('input', {
    type: 'number',
    min: least,
    max: most,
    step: step === 1 ? 1 : 'any',
    placeholder: hint,
    inputmode: step === 1 ? 'numeric' : 'decimal',
  });
  box.addEventListener('input', () => {
    const empty = box.value === '' && box.validity.valid;
    const v = Number(box.value);
    const good = empty || (box.value !== '' && v >= least && v <= most && (step !== 1 || Number.isSafeInteger(v)));
    box.setAttribute('aria-invalid', String(!good));
    if (good) set(empty ? null : v);
  });
  return {
    node: labelled(name, label, box, help),
    box,
    show(v) {
      box.value = v ?? '';
      box.removeAttribute('aria-invalid');
    },
  };
}

/* options: [[value, label], …]; the value null is the first. */
export function choiceField(name, label, options, help, set) {
  const box = el('select', {}, ...options.map(([value, text]) => el('option', {value: value ?? ''}, text)));
  box.addEventListener('change', () => set(options[box.selectedIndex]?.[0] ?? null));
  return {
    node: labelled(name, label, box, help),
    show(v) {
      let at = options.findIndex(([value]) => value === (v ?? null));
      if (at < 0) { /* of another program */
        at = options.push([v, String(v)]) - 1;
        box.append(el('option', {value: v}, String(v)));
      }
      box.selectedIndex = at;
    },
  };
}

export function rangeField(name, label, {least, most, step, start, help}, set) {
  const box = el('input', {type: 'range', min: least, max: most, step});
  const out = el('output', {'for': idOf(name)});
  const draw = (v) => {
    out.textContent = v.toFixed(2);
  };
  box.addEventListener('input', () => {
    draw(Number(box.value));
    set(Number(box.value));
  });
  return {
    node: labelled(name, label, box, help, [out]),
    show(v) {
      box.value = v ?? start;
      draw(v ?? start);
    },
  };
}

export function textField(name, label, {rows, hint = ''}, set) {
  const box = el('textarea', {rows, placeholder: hint, autocomplete: 'off'});
  box.addEventListener('input', () => set(box.value));
  return {
    node: labelled(name, label, box),
    box,
    show(v) { box.value = v ?? ''; },
  };
}

/* A few exclusive choices side by side. */
export function segments(name, label, options, set) {
  const group = el('div', {class: 'segments', role: 'radiogroup', 'aria-label': label});
  const boxes = options.map(([value, text]) => {
    const id = `${idOf(name)}-${value}`;
    const box = el('input', {type: 'radio', name: idOf(name), id, value, onchange: () => set(value)});
    group.append(box, el('label', {'for': id}, text));
    return box;
  });
  return {
    node: group,
    show(v) {
      boxes.forEach((b) => {
        b.checked = b.value === v;
      });
    },
  };
}

export function checkField(name, label, set) {
  const box = el('input', {type: 'checkbox', id: idOf(name), onchange: () => set(box.checked || null)});
  return {
    node: el('div', {class: 'check'}, box, el('label', {'for': idOf(name)}, label)),
    box,
    show(v) { box.checked = v === true; },
  };
}
