/* Short messages: toasts that go away, and one banner above the message box that stays while something is wrong. */
import {$, el, icon} from '/dom.js';

/* action: {label, run} or none. */
export function toast(text, action, ms = 7000) {
  const node = el('div', {class: 'toast'}, el('span', {}, text));
  const close = () => node.remove();
  if (action) {
    node.append(el('button', {
      type: 'button',
      class: 'link-button',
      onclick: () => {
        close();
        action.run();
      }
    },
                   action.label));
  }
  $('toasts').append(node);
  while ($('toasts').children.length > 3) $('toasts').firstChild.remove();
  setTimeout(close, ms);
}

const reasons = new Map(); /* why → {text, action}; the first one is on view */

function drawBanner() {
  const banner = $('banner');
  const first = [...reasons.values()][0];
  banner.hidden = !first;
  banner.replaceChildren();
  if (!first) return;
  banner.append(icon('alert'), el('span', {}, first.text));
  if (first.action)
    banner.append(el('button', {type: 'button', class: 'link-button', onclick: first.action.run}, first.action.label));
}

/* Shows text for as long as this reason stands; null takes it back. */
export function banner(why, text, action) {
  if (text === null) {
    if (!reasons.delete(why)) return;
  } else {
    reasons.set(why, {text, action});
  }
  drawBanner();
}
