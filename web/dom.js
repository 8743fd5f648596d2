/* Short ways to make elements, and to copy text. */

export const $ = (id) => document.getElementById(id);

/* el('button', {class: 'a', onclick: f, 'aria-label': 'x'}, child, …): text children become text nodes, never markup.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on'))
      node.addEventListener(name.slice(2), value);
    else if (name === 'class')
      node.className = value;
    else if (value === true)
      node.setAttribute(name, '');
    else
      node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function iconButton(name, label, onclick, props = {}) {
  return el('button', {type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...props},
            icon(name));
}

export const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

/* The clipboard API exists only on https and loopback; elsewhere the old command still works. */
async function writeClipboard(text) {
  if (navigator.clipboard?.writeText) return navigator.clipboard.writeText(text);
  const box = el('textarea', {class: 'unseen', readonly: true});
  const before = document.activeElement;
  box.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(box);
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  before?.focus?.();
  if (!done) throw new Error('copy refused');
}

/* Copies and says so on the button itself. */
export async function copyWith(button, text) {
  let name = 'check';
  try {
    await writeClipboard(text);
  } catch {
    name = 'alert';
  }
  const label = button.getAttribute('aria-label');
  button.replaceChildren(icon(name));
  button.setAttribute('aria-label', name === 'check' ? 'Copied' : 'Copying was refused');
  clearTimeout(button.reset);
  button.label ??= label;
  button.reset = setTimeout(() => {
    button.replaceChildren(icon('copy'));
    button.setAttribute('aria-label', button.label);
  }, 1600);
}

/* For screen readers: said once, not shown. */
export function announce(text) { $('announce').textContent = text; }
