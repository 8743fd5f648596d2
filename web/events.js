/* Server-sent events from a byte stream (HTML standard, section 9.2.6, as far as OpenAI's API uses it). */

/* Yields the data of each event. Lines end in LF, CRLF or CR; comments (": ping") and other fields are skipped; an
 * event without its closing blank line is not an event. */
export async function* readEvents(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let data = [];
  try {
    for (;;) {
      const {done, value} = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, {stream: true});
      const ends = /\r\n|\n|\r(?!$)/g;
      let from = 0;
      for (let m; (m = ends.exec(rest)); from = ends.lastIndex) {
        const line = rest.slice(from, m.index);
        if (line === '') {
          if (data.length) yield data.join('\n');
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.slice(line[5] === ' ' ? 6 : 5));
        }
      }
      rest = rest.slice(from);
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
