/* Whether the server is there, and which model it runs. While it is away the page asks again, ever less often. */
import {$} from '/dom.js';
import {ApiError, fetchModel} from '/api.js';

const FIRST_WAIT_S = 2;
const LONGEST_WAIT_S = 30;

export class Connection {
  /* getKey() gives the API key; changed(connection) is called after each change of state. */
  constructor(getKey, changed) {
    this.getKey = getKey;
    this.changed = changed;
    this.state = 'connecting'; /* connecting, ready, key, away */
    this.model = null;
    this.wait = FIRST_WAIT_S;
    this.timer = 0;
    addEventListener('online', () => this.check());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.state !== 'ready') this.check();
    });
  }

  async check() {
    clearTimeout(this.timer);
    if (this.asking) return;
    this.asking = true;
    try {
      this.model = await fetchModel(this.getKey(), AbortSignal.timeout(10000));
      this.wait = FIRST_WAIT_S;
      this.set('ready');
    } catch (e) {
      if (e instanceof ApiError && e.kind === 'key')
        this.set('key');
      else
        this.lost();
    } finally {
      this.asking = false;
    }
  }

  /* Somebody saw the server fail to answer. */
  lost() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), this.wait * 1000);
    this.wait = Math.min(this.wait * 1.6, LONGEST_WAIT_S);
    this.set('away');
  }

  set(state) {
    this.state = state;
    const lines =
        {connecting: 'connecting…', ready: describe(this.model), key: 'asks for a key', away: 'not answering'};
    $('status').dataset.state = state;
    $('status-line').textContent = lines[state];
    $('status-model').textContent = shortName(this.model);
    $('status-model').title = this.model?.id ?? '';
    this.changed(this);
  }
}

/* Without the quantised type at its end, where the line below says it again. */
export function shortName(model) {
  const {id = 'Loam', meta} = model ?? {};
  return meta?.type && id.length > meta.type.length && id.endsWith(meta.type) ?
      id.slice(0, -meta.type.length).replace(/[-._]$/, '') :
      id;
}

/* "135 M parameters, Q4_1" where the server says so. */
function describe(model) {
  const {n_params: n, type} = model?.meta ?? {};
  const size = n >= 1e9 ? `${(n / 1e9).toFixed(1)} B` : n >= 1e6 ? `${Math.round(n / 1e6)} M` : '';
  return [size && `${size} parameters`, type].filter(Boolean).join(', ') || 'ready';
}
