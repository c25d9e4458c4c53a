/** Begins each text of the pseudo-locale: what is on the screen without it was not translated. */
export const pseudoMark = '⟦'

const letters: Readonly<Record<string, string>> = {
  a: 'à',
  c: 'ç',
  e: 'é',
  i: 'î',
  n: 'ñ',
  o: 'ö',
  u: 'ü',
  A: 'Å',
  E: 'É',
  O: 'Ø',
  S: 'Š',
}

/** The same messages with accents, a third longer, between brackets: `⟦Šîgñ îñ···⟧`. Names in braces and abbreviations stay. */
export function pseudo<T>(messages: T): T {
  return change(messages) as T
}

function change(message: unknown): unknown {
  if (typeof message === 'string') return strange(message)
  if (typeof message === 'function') return (...given: unknown[]) => strange(String(message(...given)))
  if (typeof message !== 'object' || message === null) return message
  return Object.fromEntries(Object.entries(message).map(([name, inner]) => [name, change(inner)]))
}

function strange(text: string): string {
  // A message that is made of another one is in brackets already.
  const plain = text.replaceAll(/[⟦⟧·]/g, '')
  if (!/\p{L}{4}/u.test(plain)) return plain
  const accented = plain.replaceAll(/\{\w+\}|[a-zA-Z]/g, (part) => letters[part] ?? part)
  return `${pseudoMark}${accented}${'·'.repeat(Math.ceil(plain.length / 3))}⟧`
}
