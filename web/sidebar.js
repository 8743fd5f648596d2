/* The list of conversations, and the panel it is in: beside the page where there is room, a drawer on a phone. */
import {$, el, icon, iconButton} from '/dom.js';
import {isRunning} from '/runs.js';

const narrow = matchMedia('(max-width: 760px)');

/* Days apart by the calendar, not by 24 hours. */
function groupOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return 'Today';
  if (time >= midnight - 864e5) return 'Yesterday';
  if (time >= midnight - 7 * 864e5) return 'Last seven days';
  return 'Earlier';
}

export class Sidebar {
  /* acts: {rename(id, title), remove(id)} */
  constructor(acts) {
    this.acts = acts;
    this.drawer = false;
    $('side-open').append(icon('panel'));
    $('side-close').append(icon('panel'));
    $('side-open').addEventListener('click', () => this.open());
    $('side-close').addEventListener('click', () => this.close());
    $('scrim').addEventListener('click', () => this.close());
    narrow.addEventListener('change', () => {
      this.drawer = false;
      this.apply();
    });
    this.apply();
  }

  get hidden() { return narrow.matches ? !this.drawer : document.documentElement.dataset.side === 'closed'; }

  apply() {
    document.documentElement.classList.toggle('drawer', narrow.matches && this.drawer);
    $('scrim').hidden = !(narrow.matches && this.drawer);
    $('side').inert = this.hidden;
    $('main').inert = narrow.matches && this.drawer;
    $('side-open').hidden = !this.hidden;
    $('side-open').setAttribute('aria-expanded', String(!this.hidden));
  }

  remember(side) {
    document.documentElement.dataset.side = side;
    try {
      localStorage.setItem('loam.side', side);
    } catch {
      /* blocked: it holds until the page is left */
    }
  }

  open() {
    if (narrow.matches)
      this.drawer = true;
    else
      this.remember('open');
    this.apply();
    $('side-close').focus();
  }

  close() {
    if (narrow.matches)
      this.drawer = false;
    else
      this.remember('closed');
    this.apply();
    $('side-open').focus();
  }

  /* After something was chosen: on a phone the drawer has done its work. True if it was open. */
  closeDrawer() {
    if (!this.drawer) return false;
    this.drawer = false;
    this.apply();
    return true;
  }

  /* entries: [{id, title, updated}], newest first */
  show(entries, currentId) {
    if (this.renaming) return;
    const list = $('list');
    list.replaceChildren();
    let group = '';
    let rows = null;
    for (const e of entries) {
      const name = groupOf(e.updated);
      if (name !== group) {
        group = name;
        rows = el('ul', {'aria-label': name});
        list.append(el('h2', {}, name), rows);
      }
      rows.append(this.row(e, e.id === currentId));
    }
    if (!entries.length)
      list.append(el('p', {class: 'list-empty'}, 'Conversations are kept in this browser and appear here.'));
  }

  row(e, current) {
    const title = e.title || 'New chat';
    const row = el('li', {class: `row${current ? ' current' : ''}`, 'data-id': e.id},
                   el('a', {href: `#${e.id}`, 'aria-current': current ? 'page' : null, title}, title),
                   isRunning(e.id) && el('span', {class: 'busy', role: 'img', 'aria-label': 'answering'}),
                   iconButton('edit', `Rename “${title}”`, () => this.rename(row, e)),
                   iconButton('trash', `Delete “${title}”`, () => this.acts.remove(e.id)));
    return row;
  }

  rename(row, e) {
    const box = el('input', {class: 'rename', type: 'text', maxlength: 120, 'aria-label': 'New name'});
    box.value = e.title;
    this.renaming = true;
    const done = (keep) => {
      if (!this.renaming) return;
      this.renaming = false;
      this.acts.rename(e.id, keep ? box.value.trim() : null);
      document.querySelector(`.row[data-id="${CSS.escape(e.id)}"] a`)?.focus();
    };
    box.addEventListener('keydown', (k) => {
      if (k.isComposing) return;
      if (k.key === 'Enter') done(true);
      if (k.key === 'Escape') {
        k.stopPropagation();
        done(false);
      }
    });
    box.addEventListener('blur', () => done(true));
    row.replaceChildren(box);
    box.focus();
    box.select();
  }
}
