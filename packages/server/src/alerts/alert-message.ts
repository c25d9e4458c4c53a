import { assertNever, formatDuration } from '@nixen/core'
import { htmlPage } from '../notify/html.ts'
import { formatTime, type Message } from '../notify/message.ts'
import type { StoredAlert } from './alert-store.ts'
import type { AlertState, Word } from './state.ts'

export interface AlertMessageOptions {
  readonly alert: Pick<StoredAlert, 'id' | 'name' | 'severity' | 'condition'>
  readonly word: Word
  /** At least one. */
  readonly states: readonly AlertState[]
  readonly now: number
  /** Address of Nixen, when it is known. */
  readonly url?: string | undefined
}

/** Objects that a message lists; a flood is one message, not one for each. */
const mostLines = 50

/** One message for all objects of an alert of which the same is to be told at one time. Pure. */
export function alertMessage({ alert, word, states, now, url }: AlertMessageOptions): Message {
  const [first] = states
  const count = states.length
  const one = count === 1 && first ? sentenceOf(word, first, now) : undefined
  const lead = one ?? `${alert.name}: ${leadOf(word)} for ${count} objects.`
  const subject = `[${word === 'clear' ? 'over' : alert.severity}] ${(one ?? lead).replaceAll(/\s+/g, ' ')}`
  const listed = states.slice(0, mostLines)
  const lines = one === undefined ? listed.map((state) => `- ${sentenceOf(word, state, now)}`) : []
  const more = count > mostLines ? [`… and ${count - mostLines} more.`] : []
  const since = states.map(({ fired }) => fired ?? now)
  const notes = [...more, `Alert: ${alert.name}. Since ${formatTime(Math.min(...since))}.`]
  const rows = one === undefined ? listed.map((state) => [state.onName, state.value, sentenceOf(word, state, now)]) : []
  return {
    kind: word,
    severity: word === 'clear' ? 'ok' : alert.severity,
    subject: subject.slice(0, 250),
    text: `${[lead, ...lines, ...more, '', ...notes.slice(more.length), ...(url === undefined ? [] : [url])].join('\n')}\n`,
    html: htmlPage({ subject, lead, table: { head: ['Object', 'Value', 'What'], rows }, notes, url }),
    url,
    at: now,
    data: {
      alert: { id: alert.id, name: alert.name, kind: alert.condition.kind },
      objects: states
        .slice(0, 1000)
        .map(({ on, onName, value, message, fired }) => ({ id: on, name: onName, value, message, since: fired })),
      count,
    },
  }
}

function leadOf(word: Word): string {
  switch (word) {
    case 'alert':
      return 'it begins'
    case 'reminder':
      return 'it still holds'
    case 'clear':
      return 'it is over'
    default:
      return assertNever(word, 'word')
  }
}

function sentenceOf(word: Word, { message, fired = 0, onName, since, gone }: AlertState, now: number): string {
  if (word === 'alert') return message
  if (word === 'reminder') return `Still, for ${formatDuration(now - fired)}: ${message}`
  if (gone === true)
    return `${onName} is gone, and the alert with it after ${formatDuration(since - fired)}. It was: ${message}`
  return `${onName} is well again after ${formatDuration(since - fired)}. It was: ${message}`
}
