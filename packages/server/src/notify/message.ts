/** What a message is about: an alert that begins, still lasts or is over; what came of a job; a trial. */
export type MessageKind = 'alert' | 'reminder' | 'clear' | 'report' | 'test'

/** A message in all forms that channels need. Written down whole, so that it says what was so then, however late it arrives. */
export interface Message {
  readonly kind: MessageKind
  readonly severity: 'critical' | 'warning' | 'info' | 'ok'
  /** One line. */
  readonly subject: string
  /** For people, the most important first. */
  readonly text: string
  /** The same, a whole document. */
  readonly html: string
  /** Where more is to be seen. */
  readonly url?: string | undefined
  /** Epoch milliseconds of what it tells. */
  readonly at: number
  /** For programs. */
  readonly data: Readonly<Record<string, unknown>>
}

/** A message as it leaves. */
export interface Envelope {
  /** The same at every try, so that the other side can tell what it has already. */
  readonly id: string
  readonly message: Message
}

/** What came of one try. The answer is what the server said, or why it was not reached; one line, shortened. */
export type Sent =
  | { readonly ok: true; readonly answer: string }
  /** `retryAfter`: milliseconds that the server asks to wait. */
  | { readonly ok: false; readonly answer: string; readonly retryAfter?: number | undefined }

export interface SendOptions {
  readonly signal: AbortSignal
  /** Epoch milliseconds, for signatures. */
  readonly now: number
}

/** Longest answer of a server that is kept, UTF-16 code units. */
const longestAnswer = 300

/** One line of what a server said: no control characters, shortened. */
export function answerLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > longestAnswer ? `${line.slice(0, longestAnswer)}…` : line
}

/** Text for a place in HTML, also inside of an attribute. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter)
}

/** `2026-11-21 15:05 UTC`: read the same by everybody. */
export function formatTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
