/* The page: joins conversations, runs, and what is on view. Pictures are a part of their own, loaded when somebody goes
 * there. */
import {$, announce, icon, el, onMac} from '/dom.js';
import {Connection, shortName} from '/connection.js';
import {Composer} from '/composer.js';
import {Settings} from '/settings.js';
import {Sidebar} from '/sidebar.js';
import {Thread} from '/thread.js';
import {banner, toast} from '/notice.js';
import * as runs from '/runs.js';
import * as store from '/store.js';
import {add, newConversation, select, titleFrom} from '/tree.js';

const SUGGESTIONS = [
  ['Explain', 'how tides work, to a curious child'],
  ['Write', 'a Python function that counts the words in a text'],
  ['Tell', 'a short story that begins in a forest after rain'],
  ['List', 'five vegetables that grow in the shade'],
];

let current = null; /* the conversation on view; null before its first message */
let retryOnKey = null;
let pictures = null; /* the view of pictures, once it was looked at */

const settings = new Settings({
  keyChanged: () => connection.check(),
  themed: drawTheme,
});
const sidebar = new Sidebar({rename, remove});
const composer = new Composer({send, stop: stopHere, editLast: () => thread.editLast()});
const thread = new Thread({
  edit: editQuestion,
  regenerate: (m) => answerTo(m.parent),
  retry: (m) => answerInto(m),
  select: (m) => {
    select(current, m);
    saved(store.save(current));
    thread.show(current);
  },
});
const connection = new Connection(() => settings.values.key, connectionChanged);

const inPictures = () => document.documentElement.dataset.view === 'pictures';

function refresh() {
  sidebar.show(store.list(), inPictures() ? null : current?.id);
  composer.setRunning(Boolean(current && runs.isRunning(current.id)));
  const title = inPictures() ? 'Pictures' : current?.title || '';
  $('title').textContent = title;
  document.title = title ? `${title} · Loam` : 'Loam';
}

function view(c) {
  current = c;
  thread.show(c);
  refresh();
}

/* The address names the conversation, so that reload, back and "open in a new tab" do what they should. */
function go(id) {
  if (location.hash.slice(1) === (id ?? '')) return route();
  history.pushState(null, '', id ? `#${id}` : location.pathname);
  return route();
}

function route() {
  const id = location.hash.slice(1);
  const [part, ...rest] = id.split('/');
  drawPart(part === 'pictures');
  if (inPictures()) {
    showPictures(rest);
    return;
  }
  pictures?.hide();
  const c = id ? store.load(id) : null;
  if (id && !c) history.replaceState(null, '', location.pathname);
  if (c && !runs.isRunning(c.id)) mendInterrupted(c);
  view(c);
  sidebar.closeDrawer();
  composer.focus();
}

/* Which part of Loam is on view: in the navigation, and on the one button that leads to the other. */
function drawPart(other) {
  document.documentElement.dataset.view = other ? 'pictures' : 'chat';
  $(other ? 'to-chat' : 'to-pictures').removeAttribute('aria-current');
  $(other ? 'to-pictures' : 'to-chat').setAttribute('aria-current', 'page');
  const name = other ? 'Chat' : 'Pictures';
  $('to-other').replaceChildren(icon(other ? 'chat' : 'picture'));
  $('to-other').setAttribute('aria-label', name);
  $('to-other').setAttribute('href', other ? '/' : '#pictures');
  $('to-other').title = name;
  $('skip').textContent = other ? 'Skip to the prompt' : 'Skip to the message box';
}

async function showPictures(rest) {
  refresh();
  sidebar.closeDrawer();
  try {
    const {Pictures} = await import('/pictures.js');
    pictures ??= new Pictures({getKey: () => settings.values.key, askKey});
  } catch {
    toast('The server does not answer. Is it still running?', {label: 'Try again', run: route});
    return;
  }
  if (inPictures()) pictures.show(rest);
}

/* Back to where the chat was left. */
function toChat(e) {
  if (e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  if (inPictures())
    go(current?.id ?? null);
  else
    composer.focus();
}

/* An answer that was under way when the page was left. */
function mendInterrupted(c) {
  for (const m of Object.values(c.messages)) {
    if (!m.streaming) continue;
    delete m.streaming;
    m.stats = {finish: 'interrupted'};
  }
}

function saved(outcome) {
  if (outcome === 'ok') return banner('storage', null);
  const why = outcome === 'full' ?
      'The browser’s storage is full, so this conversation is not saved. Delete some older ones.' :
      'This browser does not let the page store conversations: they are gone when it is closed.';
  return banner('storage', why);
}

function send(text) {
  if (current && runs.isRunning(current.id)) return false;
  let c = current;
  if (!c) {
    c = newConversation();
    c.title = titleFrom(text);
  }
  const question = add(c, c.leaf, 'user', text);
  if (!current) {
    saved(store.save(c));
    history.pushState(null, '', `#${c.id}`);
    view(c);
  }
  thread.following = true;
  answerTo(question.id);
  return true;
}

function editQuestion(m, text) {
  if (runs.isRunning(current.id)) {
    toast('Stop the answer first.');
    return false;
  }
  const question = add(current, m.parent, 'user', text);
  if (m.parent === null && !current.named) current.title = titleFrom(text);
  answerTo(question.id);
  composer.focus();
  return true;
}

/* A new answer to the question: beside earlier ones, if there are any. */
function answerTo(questionId) {
  if (runs.isRunning(current.id)) return;
  answerInto(add(current, questionId, 'assistant', ''));
}

function answerInto(answer) {
  const c = current;
  if (runs.isRunning(c.id)) return;
  const {sampling, values} = settings;
  runs.start(c, answer, {sampling, system: values.system, key: values.key, model: connection.model?.id}, {
    changed: (run) => thread.grow(run),
    ended,
    saved,
  });
  announce('Answering');
  thread.show(c);
  thread.grow(runs.runOf(c.id));
  thread.toEnd();
  refresh();
}

function ended(run) {
  thread.end(run);
  refresh();
  const {error} = run.answer;
  if (error?.kind === 'key')
    askKey(() => run.conversation === current && answerInto(run.answer));
  else if (error?.kind === 'network')
    connection.lost();
  else if (!error && connection.state !== 'ready')
    connection.check();
}

function stopHere() {
  if (!current || !runs.isRunning(current.id)) return false;
  runs.stop(current.id);
  return true;
}

function rename(id, title) {
  const c = store.load(id);
  if (c && title) {
    Object.assign(c, {title, named: true});
    saved(store.save(c));
  }
  refresh();
}

function remove(id) {
  const c = store.load(id);
  runs.drop(id);
  store.remove(id);
  if (current?.id === id)
    go(null);
  else
    refresh();
  $('new-chat').focus();
  toast(`Deleted “${c?.title || 'New chat'}”.`, c && {
    label: 'Undo',
    run: () => {
      saved(store.save(c));
      refresh();
    }
  });
}

function askKey(then) {
  retryOnKey = then ?? retryOnKey;
  settings.askKey(() => {
    const retry = retryOnKey;
    retryOnKey = null;
    retry?.();
  });
}

function connectionChanged({state, model}) {
  if (state === 'key') askKey();
  if (state === 'ready' && inPictures()) route();
  banner('away', state === 'away' ? 'The server does not answer. Still trying…' : null,
         {label: 'Try now', run: () => connection.check()});
  if (model)
    $('empty-line').textContent = `${shortName(model)} answers. Your words go to this server and nowhere else.`;
}

function drawTheme() {
  const label = settings.dark ? 'Light colours' : 'Dark colours';
  $('flip-theme').replaceChildren(icon(settings.dark ? 'sun' : 'moon'));
  $('flip-theme').setAttribute('aria-label', label);
  $('flip-theme').title = label;
}

function keys(e) {
  if (e.isComposing || e.defaultPrevented) return;
  if (e.key === 'Escape' && !document.querySelector('dialog[open]')) {
    if (sidebar.closeDrawer())
      $('side-open').focus();
    else if (!inPictures() && stopHere())
      composer.focus();
  } else if ((e.ctrlKey || e.metaKey) && e.shiftKey && e.key.toLowerCase() === 'o') {
    e.preventDefault();
    go(null);
  } else if (e.key === '/' && !e.ctrlKey && !e.metaKey && !e.altKey &&
             !e.target.closest?.('input, textarea, select, dialog')) {
    e.preventDefault();
    focusBox();
  }
}

function focusBox() {
  if (inPictures())
    pictures?.focus();
  else
    composer.box.focus();
}

function begin() {
  $('new-chat').prepend(icon('plus'));
  $('new-chat').querySelector('kbd').textContent = onMac ? '⇧⌘O' : 'Ctrl ⇧ O';
  $('new-chat-small').append(icon('plus'));
  $('open-settings').append(icon('sliders'));
  $('jump').prepend(icon('down'));
  $('new-chat').addEventListener('click', () => go(null));
  $('new-chat-small').addEventListener('click', () => go(null));
  $('open-settings').addEventListener('click', () => settings.open());
  $('flip-theme').addEventListener('click', () => settings.flipTheme());
  document.querySelector('.wordmark').addEventListener('click', (e) => {
    e.preventDefault();
    go(null);
  });
  $('to-chat').addEventListener('click', toChat);
  $('to-other').addEventListener('click', (e) => inPictures() && toChat(e));
  $('skip').addEventListener('click', (e) => {
    e.preventDefault();
    focusBox();
  });
  for (const [verb, rest] of SUGGESTIONS)
    $('chips').append(el('button', {type: 'button', class: 'chip', onclick: () => send(`${verb} ${rest}.`)},
                         el('b', {}, verb), ` ${rest}`));
  addEventListener('keydown', keys);
  addEventListener('hashchange', route);
  addEventListener('popstate', route);
  store.watch((id) => (id && id === current?.id ? route() : refresh()), runs.isRunning);
  drawTheme();
  route();
  connection.check();
}

begin();
