/** A server-sent event as it is on the wire. */
export interface RawEvent {
  readonly event: string
  readonly data: string
  /** The last id that was sent, with this event or before. */
  readonly id: string | undefined
}

/**
 * Reads server-sent events (HTML standard, "Interpreting an event stream"): any line end, several `data:` lines, comments. `retry:`
 * is left out: the client has its own pauses.
 */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawEvent> {
  let event = ''
  let data: string[] = []
  let id: string | undefined
  for await (const line of readLines(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id }
      event = ''
      data = []
      continue
    }
    const { name, value } = splitLine(line)
    if (name === 'event') event = value
    else if (name === 'data') data.push(value)
    else if (name === 'id' && !value.includes('\0')) id = value
  }
}

function splitLine(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(':')
  if (colon < 0) return { name: line, value: '' }
  return { name: line.slice(0, colon), value: line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1)) }
}

/** Lines without their ends (`\n`, `\r\n` or `\r`). A line that is not ended is left out: its event is not whole. */
async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  // Pieces of a line that has not ended: joined once, so that a long line takes time in proportion to its length.
  let pieces: string[] = []
  let afterReturn = false
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true })
    if (afterReturn && text.startsWith('\n')) text = text.slice(1)
    if (text === '') continue
    afterReturn = text.endsWith('\r')
    const lines = text.split(/\r\n|\n|\r/)
    const last = lines.pop() ?? ''
    for (const line of lines) {
      yield pieces.length > 0 ? pieces.join('') + line : line
      pieces = []
    }
    if (last !== '') pieces.push(last)
  }
}
