/** Text of somebody else on one line of a terminal: control characters, which could move the cursor or worse, are shown as escapes. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what must not reach a terminal
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g, (letter) => {
    if (letter === '\n') return String.raw`\n`
    if (letter === '\t') return ' '
    return `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Extended_Pictographic}/u
const joined = /\p{Mark}|\u200D/u

/** How many columns of a terminal a text takes: two for East Asian wide letters (Unicode annex 11), none for marks. */
export function widthOf(text: string): number {
  // Most text is ASCII.
  if (/^[\u0020-\u007E]*$/.test(text)) return text.length
  let width = 0
  for (const letter of text) width += joined.test(letter) ? 0 : wide.test(letter) ? 2 : 1
  return width
}

/** A text in at most `width` columns, with `…` where it was cut. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 0
  for (const letter of text) {
    const more = widthOf(letter)
    if (used + more > width - 1) break
    kept += letter
    used += more
  }
  return `${kept}…`
}
