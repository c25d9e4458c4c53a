import { alertMessage } from './alert-message.ts'
import type { AlertChanges, StoredAlert } from './alert-store.ts'
import type { Subject } from './look.ts'
import { isSilenced } from './silence.ts'
import { advance, wordFor, type AlertState, type Word } from './state.ts'

export interface PlanLookOptions {
  readonly alert: StoredAlert
  readonly states: ReadonlyMap<string, AlertState>
  readonly subjects: Iterable<Subject>
  readonly messageFor: (subject: Subject) => string
  readonly now: number
  readonly url?: string | undefined
}

/** What one look changes, and what has to be told of it: one message for each kind of word, however many objects there are. Pure. */
export function planLook(options: PlanLookOptions): Pick<AlertChanges, 'put' | 'removed' | 'messages'> {
  const { alert, states, subjects, messageFor, now, url } = options
  const put: AlertState[] = []
  const removed: string[] = []
  const told: Record<Word, AlertState[]> = { alert: [], reminder: [], clear: [] }
  for (const subject of subjects) {
    const before = states.get(subject.id)
    // Most objects, most of the time.
    if (!before && subject.reading !== 'on') continue
    const message = messageFor(subject)
    const seen = { on: subject.id, onName: subject.name, reading: subject.reading, message, value: subject.value }
    let after = advance(alert, before, seen, now)
    if (after?.phase === 'over' && subject.gone === true) after = { ...after, gone: true }
    const word = after && wordFor(alert, after, { now, silenced: isSilenced(alert, subject.tags, now) })
    if (after && word === 'reminder') after = { ...after, message, value: subject.value }
    if (after && word !== undefined) told[word].push(after)
    const isOver = after?.phase === 'over' && (word === 'clear' || !alert.onClear)
    if (after && word !== undefined) after = { ...after, told: now }
    if (after && !isOver) {
      if (after !== before) put.push(after)
    } else if (before) removed.push(subject.id)
  }
  const words = ['alert', 'reminder', 'clear'] as const
  const messages = words
    .filter((word) => told[word].length > 0)
    .map((word) => alertMessage({ alert, word, states: told[word], now, url }))
  return { put, removed, messages }
}
