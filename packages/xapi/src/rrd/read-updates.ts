import type { ByteStream } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import { readJsonRow, readJsonHead, readXmlHead, readXmlRow, type RrdHead } from './parse.ts'
import { seriesOf, type RrdTable, type RrdUpdates } from './series.ts'

/** How the text of one of the two forms is cut: the end of the head, the end of a row, what comes after the last row. */
interface Form {
  readonly headEnd: RegExp
  readonly rowEnd: string
  readonly end: RegExp
  readHead(text: string): RrdHead
  readRow(text: string): RrdTable['rows'][number]
}

const json: Form = {
  headEnd: /[{,]\s*"?data"?\s*:\s*\[/,
  rowEnd: '}',
  end: /^[\s,]*\]/,
  readHead: readJsonHead,
  readRow: readJsonRow,
}
const xml: Form = {
  headEnd: /<data>/,
  rowEnd: '</row>',
  end: /^\s*<\/data>/,
  readHead: readXmlHead,
  readRow: readXmlRow,
}

/**
 * Reads an answer of `/rrd_updates`, row by row as it comes in: JSON (with values as text, or as older hosts write it with bare numbers, `NaN` and
 * keys without quotes) or XML.
 *
 * @throws xapi.bad_answer, truncated, too_large
 */
export async function readRrdUpdates(body: ByteStream, { maxBytes = 256 * 1024 * 1024 } = {}): Promise<RrdUpdates> {
  const decoder = new TextDecoder()
  const rows: RrdTable['rows'][number][] = []
  let form: Form | undefined
  let head: RrdHead | undefined
  let text = ''
  let received = 0
  for await (const part of body) {
    received += part.length
    if (received > maxBytes) throw xapiErrors.too_large({ limit: maxBytes })
    text += decoder.decode(part, { stream: true })
    form ??= formOf(text)
    if (!form) continue
    if (!head) {
      const match = form.headEnd.exec(text)
      if (!match) continue
      head = form.readHead(text.slice(0, match.index))
      text = text.slice(match.index + match[0].length)
    }
    text = takeRows(form, text, rows)
  }
  if (!form) throw xapiErrors.bad_answer({ expected: 'JSON or XML', got: shown(text), at: '/rrd_updates' })
  if (!head || !form.end.test(text)) throw xapiErrors.truncated({ received, expected: 'the last row' })
  return seriesOf({ ...head, rows })
}

/** Takes the whole rows off the front of the text; returns what is left. */
function takeRows(form: Form, text: string, rows: RrdTable['rows'][number][]): string {
  let start = 0
  for (;;) {
    const end = text.indexOf(form.rowEnd, start)
    const piece = end < 0 ? '' : text.slice(start, end + form.rowEnd.length)
    if (piece === '' || form.end.test(piece)) return text.slice(start)
    rows.push(form.readRow(piece.replace(/^[\s,]+/, '')))
    start = end + form.rowEnd.length
  }
}

function formOf(text: string): Form | undefined {
  const first = /\S/.exec(text)?.[0]
  if (first === undefined) return undefined
  if (first === '{') return json
  if (first === '<') return xml
  throw xapiErrors.bad_answer({ expected: 'JSON or XML', got: shown(text), at: '/rrd_updates' })
}

function shown(text: string): string {
  return text === '' ? 'nothing' : JSON.stringify(text.slice(0, 80))
}
