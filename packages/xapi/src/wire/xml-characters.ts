// What XML 1.0 §2.2 leaves out of a document, beside lone surrogates.
const controls = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff`

/** Finds a character that a document can't hold. */
export const forbiddenCharacter = new RegExp(`[${controls}]`)

const special = new RegExp(`[&<>\\r${controls}]`)
const specials = new RegExp(special, 'g')
const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }

/** `text` as the content of an element. Control characters that XML can't hold are dropped, as XAPI does; lone surrogates become U+FFFD. */
export function escapeXml(text: string): string {
  const sound = text.isWellFormed() ? text : text.toWellFormed()
  return special.test(sound) ? sound.replaceAll(specials, (character) => escapes[character] ?? '') : sound
}
