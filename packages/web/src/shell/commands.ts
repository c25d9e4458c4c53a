/** Something that can be chosen in the palette. */
export interface Command {
  readonly id: string
  readonly label: string
  /** A word about what it is. */
  readonly kind: string
  /** Why it cannot be done now. */
  readonly reason?: string | undefined
  readonly run: () => void
}

/** The commands that fit what was typed, the best first: beginnings, beginnings of words, letters inside. Every word must be found. */
export function rank(commands: readonly Command[], text: string, most: number): readonly Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return commands.slice(0, most)
  const scored: { readonly command: Command; readonly score: number; readonly place: number }[] = []
  for (const [place, command] of commands.entries()) {
    const score = scoreOf(command.label.toLowerCase(), words)
    if (score !== undefined) scored.push({ command, score, place })
  }
  scored.sort((a, b) => a.score - b.score || a.place - b.place)
  return scored.slice(0, most).map(({ command }) => command)
}

/** Less is better; `undefined` when a word is missing. */
function scoreOf(label: string, words: readonly string[]): number | undefined {
  let score = 0
  for (const word of words) {
    const at = label.indexOf(word)
    if (at < 0) return undefined
    score += at === 0 ? 0 : /[\s\-_.]/.test(label.charAt(at - 1)) ? 1 : 2
  }
  return score
}
