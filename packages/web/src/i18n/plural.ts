/** Words with their numbers in one language: `count(3, 'VM', 'VMs')` is `3 VMs`, with the plural that the number asks for (CLDR). */
export interface Counting {
  (count: number, one: string, other: string): string
  /** The number alone, as the language writes it. */
  readonly number: (count: number) => string
  /** The word alone, in its plural form. */
  readonly word: (count: number, one: string, other: string) => string
}

/** Makes the counting of a language. English, German and French have two forms; languages with more need more words here. */
export function counting(locale: string | undefined): Counting {
  const rules = new Intl.PluralRules(locale)
  const numbers = new Intl.NumberFormat(locale)
  const word = (count: number, one: string, other: string): string => (rules.select(count) === 'one' ? one : other)
  const number = (count: number): string => numbers.format(count)
  return Object.assign(
    (count: number, one: string, other: string): string => `${number(count)} ${word(count, one, other)}`,
    { number, word },
  )
}
